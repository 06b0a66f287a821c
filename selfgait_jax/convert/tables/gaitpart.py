"""The name table of OpenGait's GaitPart."""

from collections.abc import Mapping

from selfgait_jax.convert.tables.rules import CONV, Rule

# {number of convolution pairs: halvings}, as in every recipe of OpenGait.
HALVINGS = {3: (0, 2, 3), 4: (0, 0, 3, 3)}
# Indices of the convolutions in OpenGait's list, which also holds activations
# and pooling.
LAYERS = (0, 2, 5, 7, 10, 12, 14, 16)


def rules(settings: Mapping) -> list[Rule]:
  """Lists the state dict of GaitPart (ShiqiYu/OpenGait) in its order."""
  table = []
  for number in range(2 * len(settings['widths'])):
    key = f'Backbone.forward_block.feature.{LAYERS[number]}.conv.weight'
    block, conv = f'block{number // 2 + 1}', f'conv{number % 2 + 1}'
    path = ('params', 'encoder', block, conv, 'kernel')
    table.append(Rule(key, path, CONV))
  table.append(Rule('Head.fc_bin', ('params', 'part_linear', 'kernel')))
  for theirs, ours in (('conv1d3x1', 'short'), ('conv1d3x3', 'long')):
    for part in range(sum(settings['bins'])):
      for index, conv in ((0, 'reduce'), (2, 'expand')):
        key = f'TFA.pooling_func.{theirs}.{part}.{index}.conv.weight'
        path = ('params', 'motion', f'{ours}_{conv}', 'kernel')
        table.append(Rule(key, path, CONV, row=part))
  return table


def settings(shapes: Mapping[str, tuple[int, ...]]) -> dict:
  """Returns the settings of the model that the shapes tell.

  No tensor depends on the number of strips of a focal convolution; `halvings`
  are those of OpenGait's recipes.

  Raises:
    KeyError: a tensor that is needed for it is missing.
  """
  first = lambda i: (
    f'Backbone.forward_block.feature.{LAYERS[2 * i]}.conv.weight'
  )
  pairs = 4 if first(3) in shapes else 3
  return {
    'widths': tuple(shapes[first(i)][0] for i in range(pairs)),
    'halvings': HALVINGS[pairs],
  }
