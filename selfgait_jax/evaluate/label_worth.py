"""The table of a study: rank-1 by the number of labelled subjects."""

from collections.abc import Mapping, Sequence

import numpy as np

from selfgait_jax.evaluate import tables


def line(cell: Mapping) -> str:
  """One cell in a line of the log."""
  ranks = [
    f'{name.removesuffix("/rank1").upper()} {value:.1f}'
    for name, value in cell['metrics'].items()
  ]
  return (
    f'draw {cell["draw"]}, {cell["arm"]}, {cell["labelled"]} labelled subjects:'
    f' rank-1 {" / ".join(ranks)}'
  )


def spread(
  cells: Sequence[Mapping], group: str
) -> dict[str, dict[int, tuple[float, float]]]:
  """{arm: {labelled subjects: (mean, standard deviation)}} over the draws.

  The deviation is that of a sample, and 0 for one draw.

  Args:
    cells: each with `arm`, `labelled` and `metrics`.
    group: of probes.
  """
  values = {}
  for cell in cells:
    arm = values.setdefault(cell['arm'], {})
    arm.setdefault(cell['labelled'], []).append(
      cell['metrics'][f'{group}/rank1']
    )
  deviation = lambda x: float(np.std(x, ddof=1)) if len(x) > 1 else 0.0
  return {
    arm: {
      count: (float(np.mean(x)), deviation(x))
      for count, x in sorted(of.items())
    }
    for arm, of in values.items()
  }


def cells_of(cells: Sequence[Mapping]) -> tuple[list[str], list[list[str]]]:
  """Header and rows: an arm and a number of labels a row, a group a column."""
  groups = tables.groups([cell['metrics'] for cell in cells])
  by_group = {group: spread(cells, group) for group in groups}
  body = [
    [
      f'{arm}, {count} labelled subjects',
      *('{:.1f} ± {:.1f}'.format(*by_group[g][arm][count]) for g in groups),
    ]
    for arm, counts in by_group[groups[0]].items()
    for count in counts
  ]
  return ['rank-1 (%)', *(group.upper() for group in groups)], body
