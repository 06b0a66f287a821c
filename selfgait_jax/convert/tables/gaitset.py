"""The name table of OpenGait's GaitSet."""

from collections.abc import Mapping

from selfgait_jax.convert.tables.rules import CONV, Rule


def rules(settings: Mapping) -> list[Rule]:
  """Lists the state dict of GaitSet (ShiqiYu/OpenGait) in its order."""
  blocks = range(1, len(settings['widths']) + 1)
  stems = [(f'set_block{i}.forward_block', f'set{i}') for i in blocks]
  stems += [(f'gl_block{i}', f'global{i}') for i in blocks[1:]]
  table = []
  for stem, ours in stems:
    for index, conv in ((0, 'conv1'), (2, 'conv2')):
      path = ('params', 'encoder', ours, conv, 'kernel')
      table.append(Rule(f'{stem}.{index}.conv.weight', path, CONV))
  return [*table, Rule('Head.fc_bin', ('params', 'part_linear', 'kernel'))]


def settings(shapes: Mapping[str, tuple[int, ...]]) -> dict:
  """Returns the settings of the model that the shapes tell.

  Raises:
    KeyError: a tensor that is needed for it is missing.
  """
  first = lambda i: shapes[f'set_block{i}.forward_block.0.conv.weight']
  return {
    'widths': tuple(first(i)[0] for i in (1, 2, 3)),
    'embedding_dim': shapes['Head.fc_bin'][-1],
  }
