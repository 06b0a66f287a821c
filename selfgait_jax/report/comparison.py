"""Our results beside published figures, with a verdict for each row."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from selfgait_jax.evaluate import tables
from selfgait_jax.report import published


class Row(NamedTuple):
  """A network, its published figure, and `results.json` of our runs."""

  network: str
  published: published.Figure
  results: Sequence[Mapping[str, Any]]


def table(rows: Sequence[Row], band: float) -> str:
  """Markdown: rank-1 as ours (published), and a verdict.

  Args:
    rows: in order.
    band: points below the published figure that still count as reproduced.
  """
  groups = list(rows[0].published.rank1)
  header = ['rank-1 (%)', 'runs', *(g.upper() for g in groups), 'verdict']
  body = [
    [
      row.network,
      str(len(row.results)),
      *(_cell(row, group) for group in groups),
      verdict(row, band),
    ]
    for row in rows
  ]
  note = (
    f'Ours, and in brackets the published figure and the '
    f'difference. A row is reproduced if no mean lies more than {band:g} '
    'points below.'
  )
  return f'{tables.markdown(header, body)}\n\n{note}\n'


def verdict(row: Row, band: float) -> str:
  """'reproduced', 'below', 'not run', or 'other data' than the published."""
  if not row.results:
    return 'not run'
  if not all(row.published in published.beside(x) for x in row.results):
    return 'other data'
  if not all(_ours(row, group) for group in row.published.rank1):
    return 'other data'
  differences = [
    statistics.mean(_ours(row, group)) - value
    for group, value in row.published.rank1.items()
  ]
  return 'reproduced' if min(differences) >= -band else 'below'


def _cell(row, group):
  known, ours = row.published.rank1[group], _ours(row, group)
  if not ours:
    return f'- ({known:.1f})'
  mean = statistics.mean(ours)
  spread = f' ± {statistics.stdev(ours):.1f}' if len(ours) > 1 else ''
  return f'{mean:.1f}{spread} ({known:.1f}, {mean - known:+.1f})'


def _ours(row, group):
  scores = (found['metrics'].get(f'{group}/rank1') for found in row.results)
  return [score for score in scores if score is not None]
