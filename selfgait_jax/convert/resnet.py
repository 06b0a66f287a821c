"""The name table of OpenGait's ResNet-9, which GaitBase and GaitSSB share."""

from collections.abc import Mapping

from selfgait_jax.convert.rules import CONV, Rule, norm
from selfgait_jax.models.resnet import STRIDES

PREFIX = 'Backbone.forward_block'


def rules(settings: Mapping) -> list[Rule]:
  """The trunk's part of a state dict, in its order; `settings`: the model's."""
  widths = settings['widths']
  table = _conv_norm('conv1.conv', 'bn1', 'stem', 'stem_norm')
  inputs = widths[0]
  for stage, (width, blocks, stride) in enumerate(
    zip(widths, settings['layers'], STRIDES, strict=True), 1
  ):
    for i in range(blocks):
      names = [
        ('conv1', 'bn1', 'conv1', 'norm1'),
        ('conv2', 'bn2', 'conv2', 'norm2'),
      ]
      if i == 0 and (stride != 1 or width != inputs):
        names.append(
          ('downsample.0', 'downsample.1', 'shortcut', 'shortcut_norm')
        )
      for conv, bn, *ours in names:
        block, path = f'layer{stage}.{i}', f'stage{stage}_block{i + 1}'
        table += _conv_norm(f'{block}.{conv}', f'{block}.{bn}', *ours, path)
    inputs = width
  return table


def settings(shapes: Mapping[str, tuple[int, ...]]) -> dict:
  """`widths` and `layers`, as the shapes have them.

  Raises:
    KeyError: a tensor that tells it is missing.
  """
  first = lambda stage, i: f'{PREFIX}.layer{stage}.{i}.conv1.weight'
  widths, layers = [], []
  for stage in range(1, len(STRIDES) + 1):
    widths.append(shapes[first(stage, 0)][0])
    layers.append(1)
    while first(stage, layers[-1]) in shapes:
      layers[-1] += 1
  return {'widths': tuple(widths), 'layers': tuple(layers)}


def _conv_norm(conv, bn, our_conv, our_norm, *block):
  path = ('encoder', *block)
  kernel = ('params', *path, our_conv, 'kernel')
  return [
    Rule(f'{PREFIX}.{conv}.weight', kernel, CONV),
    *norm(f'{PREFIX}.{bn}', (*path, our_norm)),
  ]
