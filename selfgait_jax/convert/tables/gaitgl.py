"""The name table of OpenGait's GaitGL."""

from collections.abc import Mapping

from selfgait_jax.convert.tables.rules import CONV, Rule, neck, norm

PARTS = 64  # rows of the last feature map
STAGES = ('GLConvA0', 'GLConvA1', 'GLConvB2')


def rules(settings: Mapping) -> list[Rule]:
  """Lists the state dict of GaitGL (ShiqiYu/OpenGait) in its order.

  Args:
    settings: the model's section. Three widths mean the small network; four
      the large one, which has two convolutions for each of the small one's.
  """
  depth = len(settings['widths']) - 2
  encoder = ('params', 'encoder')
  conv = lambda key, *path: Rule(
    f'{key}.conv3d.weight', (*encoder, *path, 'kernel'), CONV
  )
  table = [conv(f'conv3d.{2 * i}', f'stem{i + 1}') for i in range(depth)]
  table.append(conv('LTA.0', 'thirds'))
  for stage, name in enumerate(STAGES, 1):
    for i in range(depth):
      key = name if depth == 1 else f'{name}.{i}'
      block = f'stage{stage}_block{i + 1}'
      table.append(conv(f'{key}.global_conv3d', block, 'global'))
      table.append(conv(f'{key}.local_conv3d', block, 'local'))
  table.append(Rule('HPP.p', (*encoder, 'power')))
  table.append(Rule('Head0.fc_bin', ('params', 'part_linear', 'kernel')))
  if not settings['neck']:
    table += norm('Bn', ('neck', 'norm'))
    if settings['classes']:
      classify = ('params', 'neck', 'classify', 'kernel')
      table.append(Rule('Head1.fc_bin', classify))
  elif settings['classes']:
    table += neck(PARTS)
  return table


def settings(shapes: Mapping[str, tuple[int, ...]]) -> dict:
  """Returns the settings of the model that keys and shapes tell.

  Raises:
    KeyError: a tensor that is needed for it is missing.
  """
  large = any(key.startswith('GLConvA0.0.') for key in shapes)
  block = '.0' if large else ''
  stages = STAGES if large else STAGES[:2]
  names = ['conv3d.0', *(f'{name}{block}.global_conv3d' for name in stages)]
  behind_neck = 'Bn.weight' not in shapes
  classifier = 'BNNecks.fc_bin' if behind_neck else 'Head1.fc_bin'
  return {
    'widths': tuple(shapes[f'{name}.conv3d.weight'][0] for name in names),
    'halving': 1 if large else 3,  # as in every recipe of that size
    'neck': behind_neck,
    'classes': shapes.get(classifier, (0,))[-1],
  }
