"""The name table of OpenGait's DeepGaitV2, in its three modes."""

from collections.abc import Mapping

from selfgait_jax.convert.rules import CONV, Layout, Rule, norm, part_vector
from selfgait_jax.models.deepgaitv2 import FRAME_STAGES
from selfgait_jax.models.resnet import STRIDES

# A clip convolution that sees one frame is a frame convolution here:
# [out, in, 1, k, k] <-> [k, k, in, out].
ONE_FRAME = Layout(
  lambda x: CONV.ours(x[:, :, 0]), lambda x: CONV.theirs(x)[:, :, None]
)
# Convolution and norm, there and here, in the order of a block's tensors.
PLAIN = (
  ('conv1', 'bn1', 'conv1', 'norm1'),
  ('conv2', 'bn2', 'conv2', 'norm2'),
)
PSEUDO = (
  ('conv1.forward_block.0', 'conv1.forward_block.1', 'conv1', 'norm1'),
  ('conv2.forward_block.0', 'conv2.forward_block.1', 'conv2', 'norm2'),
  ('shortcut3d', 'sbn', 'conv_time', 'norm_time'),
)
SHORTCUT = ('downsample.0', 'downsample.1', 'shortcut', 'shortcut_norm')


def rules(settings: Mapping) -> list[Rule]:
  """The state dict of DeepGaitV2 (ShiqiYu/OpenGait), in its order.

  Args:
    settings: the model's section.
  """
  mode, widths = settings['mode'], settings['widths']
  frames = ('encoder', 'frames')
  stem, stem_norm = 'layer0.forward_block.0', 'layer0.forward_block.1'
  table = _conv_norm(stem, stem_norm, (*frames, 'stem'), (*frames, 'stem_norm'))
  inputs = widths[0]
  for stage, (width, blocks, stride) in enumerate(
    zip(widths, settings['layers'], STRIDES, strict=True), 1
  ):
    framewise = stage <= FRAME_STAGES[mode]
    parent = frames if framewise else ('encoder',)
    for i in range(blocks):
      key = _block(stage, i, mode)
      path = (*parent, f'stage{stage}_block{i + 1}')
      units = PSEUDO if mode == 'p3d' and not framewise else PLAIN
      if i == 0 and (stride != 1 or width != inputs):
        units = (*units, SHORTCUT)
      for unit in units:
        conv, bn = (f'{key}.{name}' for name in unit[:2])
        ours = [(*path, name) for name in unit[2:]]
        flat = unit is SHORTCUT and not framewise
        table += _conv_norm(conv, bn, *ours, ONE_FRAME if flat else CONV)
    inputs = width
  table.append(Rule('FCs.fc_bin', ('params', 'part_linear', 'kernel')))
  if settings['classes']:
    classify = ('params', 'neck', 'classify', 'kernel')
    parts = part_vector(sum(settings['bins']))
    table.append(Rule('BNNecks.fc_bin', classify))
    table += norm('BNNecks.bn1d', ('neck', 'norm'), parts)
  return table


def settings(shapes: Mapping[str, tuple[int, ...]]) -> dict:
  """What keys and shapes tell of the model's section.

  Raises:
    KeyError: a tensor that tells it is missing.
  """
  mode = '3d'
  for other in ('2d', 'p3d'):
    if _first(2, 0, other) in shapes:
      mode = other
  widths, layers = [], []
  for stage in range(1, 5):
    widths.append(shapes[_first(stage, 0, mode)][0])
    layers.append(1)
    while _first(stage, layers[-1], mode) in shapes:
      layers[-1] += 1
  return {
    'mode': mode,
    'widths': tuple(widths),
    'layers': tuple(layers),
    'embedding_dim': shapes['FCs.fc_bin'][-1],
    'classes': shapes.get('BNNecks.fc_bin', (0,))[-1],
  }


def _block(stage, i, mode):
  """The key of a block."""
  wrapper = 'forward_block.' if stage <= FRAME_STAGES[mode] else ''
  return f'layer{stage}.{wrapper}{i}'


def _first(stage, i, mode):
  """The key of a block's first convolution."""
  pseudo = mode == 'p3d' and stage > FRAME_STAGES[mode]
  return (
    f'{_block(stage, i, mode)}.{(PSEUDO if pseudo else PLAIN)[0][0]}.weight'
  )


def _conv_norm(conv, bn, our_conv, our_norm, layout=CONV):
  kernel = Rule(f'{conv}.weight', ('params', *our_conv, 'kernel'), layout)
  return [kernel, *norm(bn, our_norm)]
