"""The name table of the original GaitSet repository."""

from collections.abc import Mapping

from selfgait_jax.convert.tables.rules import CONV, Rule, part_order


def rules(settings: Mapping) -> list[Rule]:
  """Lists the state dict of `SetNet` (AbnerHqC/GaitSet) in its order.

  Its parts are sorted by pyramid level, the coarsest first, and within a level
  by branch, set before global. Ours are sorted by branch and then by level, as
  in OpenGait, so the matrices of the parts are reordered.
  """
  pairs = range(len(settings['widths']))
  table = []
  for i in pairs:
    table += _pair('set_layer{}.forward_block', i, f'set{i + 1}')
  for i in pairs[:-1]:
    table += _pair('gl_layer{}', i, f'global{i + 2}')
  order = part_order(_order(settings['bins']))
  kernel = ('params', 'part_linear', 'kernel')
  return [*table, Rule('fc_bin.0', kernel, order)]


def settings(shapes: Mapping[str, tuple[int, ...]]) -> dict:
  """Returns the settings of the model that the shapes tell.

  Raises:
    KeyError: a tensor that is needed for it is missing.
  """
  first = lambda i: shapes[f'set_layer{i}.forward_block.conv.weight']
  return {
    'widths': tuple(first(i)[0] for i in (1, 3, 5)),
    'embedding_dim': shapes['fc_bin.0'][-1],
  }


def _pair(stem, pair, ours):
  """The rules of two convolutions; theirs are numbered across pairs."""
  return [
    Rule(
      f'{stem.format(2 * pair + half)}.conv.weight',
      ('params', 'encoder', ours, f'conv{half}', 'kernel'),
      CONV,
    )
    for half in (1, 2)
  ]


def _order(bins):
  """The index among their parts of each of ours."""
  place, starts = 0, {}
  for level in sorted(bins):
    for branch in ('set', 'global'):
      starts[branch, level] = place
      place += level
  return [
    starts[branch, level] + strip
    for branch in ('set', 'global')
    for level in bins
    for strip in range(level)
  ]
