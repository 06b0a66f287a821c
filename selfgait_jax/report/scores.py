"""The rows: a chart with floors and published figures, and the tables."""

from collections.abc import Mapping
from typing import Any

from selfgait_jax import errors
from selfgait_jax.evaluate import tables
from selfgait_jax.report import blocks, charts, published, rows

# Columns of the main row; the others are named like their metrics.
_COLUMNS = {
  'eer': 'EER',
  'tar_far_0.01': 'TAR at FAR 1 %',
  'frozen_linear': 'frozen linear classifier (top-1)',
  'frozen_knn': 'frozen kNN (top-1)',
}
_TALLIES = (
  'probes', 'probes_without_mate', 'pairs_without_mate',
  'probes_without_other_view', 'probes_without_other_recording', 'empty_cells',
)  # fmt: skip


def section(results: Mapping[str, Any]) -> str:
  """Rank-1 of every row, as a chart and as a table."""
  found, groups = results['rows'], rows.groups(results)
  if not found or not groups:
    return ''
  header, body = tables.rank1_cells(list(found.items()))
  return blocks.section(
    'rows',
    'Rank-1 of every row',
    blocks.panels(
      blocks.figure(title, _bars(results, group))
      for group, title in groups.items()
    )
    + _sources(results)
    + blocks.folded(
      'the same as a table',
      blocks.table(header, body, bold=[rows.main(results)]),
    )
    + blocks.folded('every score of the main row', _main_row(results, groups)),
    'Share of probes whose nearest gallery sequence shows the same person, in '
    'percent. Grey bars are floors: linear algebra on gait energy images, and '
    'a network with random weights. The pictures below show the main row, '
    f'{rows.main(results) or "which is missing"}.',
  )


def _bars(results, group):
  floors, bars = rows.floors(results), []
  for title, metrics in results['rows'].items():
    css = 'floor' if title in floors else 'bar c0'
    bars.append(charts.Bar(title, metrics.get(f'{group}/rank1'), css))
  for figure in published.beside(results):
    if group in figure.rank1:
      name = f'{figure.network}, published'
      bars.append(charts.Bar(name, figure.rank1[group], 'published'))
  return charts.bars(bars, f'rank-1 of every row, {group}')


def _sources(results):
  sources = dict.fromkeys(f.source for f in published.beside(results))
  if not sources:
    return ''
  return (
    '<p class="note">Dashed outlines are published figures of the same '
    f'protocol and split: {blocks.text("; ".join(sources))}.</p>'
  )


def _main_row(results, groups):
  """Every score of the main row, one line for each probe group."""
  metrics, counts = results['metrics'], results['counts']
  names = [f'rank{k}' for k in (1, 2, 3, 4, 5, 10, 20)]
  names += ['mAP', 'mINP', 'rank1_view_pairs', 'rank1_all_views', *_COLUMNS]
  names = [n for n in names if any(f'{g}/{n}' in metrics for g in groups)]
  tallies = [n for n in _TALLIES if any(f'{g}/{n}' in counts for g in groups)]
  if not names:
    return ''
  body = [
    [
      title,
      *(tables.percent(metrics.get(f'{group}/{name}')) for name in names),
      *(
        errors.printable(counts.get(f'{group}/{name}', '-'), 20)
        for name in tallies
      ),
    ]
    for group, title in groups.items()
  ]
  header = [_COLUMNS.get(n, n.replace('_', ' ')) for n in (*names, *tallies)]
  return blocks.table(['probe', *header], body) + (
    '<p class="note">Scores in percent. EER and TAR (true-accept rate) say how '
    'well one threshold on the distance tells pairs of one person from pairs '
    'of two.</p>'
  )
