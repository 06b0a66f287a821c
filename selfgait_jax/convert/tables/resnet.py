"""The name table of OpenGait's ResNet-9, and the pieces that others share."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from selfgait_jax.convert.tables.rules import CONV, Layout, Rule, norm
from selfgait_jax.models.resnet import STRIDES

PREFIX = 'Backbone.forward_block.'
# (their convolution, their norm, our convolution, our norm), in their order.
STEM = ('conv1.conv', 'bn1', 'stem', 'stem_norm')
PLAIN = (
  ('conv1', 'bn1', 'conv1', 'norm1'),
  ('conv2', 'bn2', 'conv2', 'norm2'),
)
SHORTCUT = ('downsample.0', 'downsample.1', 'shortcut', 'shortcut_norm')


def rules(settings: Mapping) -> list[Rule]:
  """Lists the trunk's part of a state dict in its order."""
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
  """Returns `widths` and `layers`, which the shapes tell.

  Args:
    shapes: {key: shape} of the state dict.
    first: (stage, block) -> the key of the block's first convolution.

  Raises:
    KeyError: a tensor that is needed for it is missing.
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
  """Yields (stage from 1, block from 0, whether it has a shortcut)."""
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
  """Returns the rules of a convolution and its norm.

  Args:
    key: prefix of their keys.
    unit: names of the convolution and the norm there, then here.
    path: of our module, without its collection.
    layout: of the convolution's kernel.
  """
  conv, bn, our_conv, our_norm = unit
  kernel = ('params', *path, our_conv, 'kernel')
  return [
    Rule(f'{key}{conv}.weight', kernel, layout),
    *norm(f'{key}{bn}', (*path, our_norm)),
  ]
