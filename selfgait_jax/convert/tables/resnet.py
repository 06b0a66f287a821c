"""The name table of OpenGait's ResNet-9, and what of it others share."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from selfgait_jax.convert.tables.rules import CONV, Layout, Rule, norm
from selfgait_jax.models.resnet import STRIDES

PREFIX = 'Backbone.forward_block.'
# Convolution and norm, there and here, in the order of a block's tensors.
STEM = ('conv1.conv', 'bn1', 'stem', 'stem_norm')
PLAIN = (
  ('conv1', 'bn1', 'conv1', 'norm1'),
  ('conv2', 'bn2', 'conv2', 'norm2'),
)
SHORTCUT = ('downsample.0', 'downsample.1', 'shortcut', 'shortcut_norm')


def rules(settings: Mapping) -> list[Rule]:
  """The trunk's part of a state dict, in its order; `settings`: the model's."""
  table = conv_norm(PREFIX, STEM, ('encoder',))
  for stage, i, changes in blocks(settings):
    path = ('encoder', f'stage{stage}_block{i + 1}')
    for unit in (*PLAIN, SHORTCUT) if changes else PLAIN:
      table += conv_norm(f'{PREFIX}layer{stage}.{i}.', unit, path)
  return table


def settings(
  shapes: Mapping[str, tuple[int, ...]],
  first: Callable[[int, int], str] | None = None,
) -> dict:
  """`widths` and `layers`, as the shapes have them.

  Args:
    shapes: of the state dict.
    first: (stage, block) -> the key of its first convolution.

  Raises:
    KeyError: a tensor that tells it is missing.
  """
  first = first or (lambda s, i: f'{PREFIX}layer{s}.{i}.conv1.weight')
  widths, layers = [], []
  for stage in range(1, len(STRIDES) + 1):
    widths.append(shapes[first(stage, 0)][0])
    layers.append(1)
    while first(stage, layers[-1]) in shapes:
      layers[-1] += 1
  return {'widths': tuple(widths), 'layers': tuple(layers)}


def blocks(settings: Mapping) -> Iterator[tuple[int, int, bool]]:
  """(stage from 1, block from 0, whether it has a shortcut), in order."""
  inputs = settings['widths'][0]
  for stage, (width, count, stride) in enumerate(
    zip(settings['widths'], settings['layers'], STRIDES, strict=True), 1
  ):
    for i in range(count):
      yield stage, i, i == 0 and (stride != 1 or width != inputs)
    inputs = width


def conv_norm(
  key: str, unit: Sequence[str], path: Sequence[str], layout: Layout = CONV
) -> list[Rule]:
  """A convolution and its norm: `unit` under `key` there, under `path` here."""
  conv, bn, our_conv, our_norm = unit
  kernel = ('params', *path, our_conv, 'kernel')
  return [
    Rule(f'{key}{conv}.weight', kernel, layout),
    *norm(f'{key}{bn}', (*path, our_norm)),
  ]
