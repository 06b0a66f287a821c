"""Rank-1 by the difference between two views, and by both views."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from selfgait_jax.evaluate import tables
from selfgait_jax.report import axes, blocks, charts, rows


def section(results: Mapping[str, Any]) -> str:
  """Curves over the view difference, heat maps and the table."""
  groups = rows.groups(results)
  content = _differences(results, groups)
  maps = [
    blocks.figure(title, _map(results['metrics'], group))
    for group, title in groups.items()
  ]
  if any(maps):
    content += blocks.heading(
      'By both views',
      'Main row. Each cell compares the probes of one view with the gallery of '
      'one view. Means leave out the diagonal, identical views.',
    ) + blocks.panels(maps)
  per_view = [
    (name, row | {'protocol': results['protocol']})
    for name, row in results['rows'].items()
    if any(key.endswith('/rank1_per_view') for key in row)
  ]
  if per_view:
    header, body = tables.per_view_cells(per_view)
    content += blocks.folded(
      'by probe view, in the layout of Table 1 of the SelfGait paper',
      blocks.table(header, body),
    )
  return blocks.section('views', 'Rank-1 by condition and view', content)


def _differences(results, groups):
  """Rank-1 over the angle between both views, a line a row."""
  known = {
    key: metrics
    for key, metrics in zip(
      rows.keys(results), results['rows'].values(), strict=True
    )
    if metrics.get('views') and all(v.isdecimal() for v in metrics['views'])
  }
  drawn = []
  for group, title in groups.items():
    lines = [_by_difference(metrics, group) for metrics in known.values()]
    lines = [line if len(line) > 1 else None for line in lines]
    if not any(line is not None for line in lines):
      continue
    last = max(line[:, 0].max() for line in lines if line is not None)
    panel = axes.Axes(
      (0, last), (0, 100), 'degrees between probe and gallery', 'rank-1 (%)',
      x_ticks=[(d, f'{words}°') for d, words in axes.ticks(0, last)],
    )  # fmt: skip
    for key, line in zip(known, lines, strict=True):
      if line is not None:
        panel.line(line, key.css)
    svg = panel.svg(f'rank-1 by view difference, {title}')
    drawn.append(blocks.figure(title, svg))
  if not drawn:
    return ''
  return blocks.heading(
    'By condition and view difference',
    'Mean over the pairs of views that are so many degrees apart.',
  ) + blocks.panels(drawn, list(known))


def _by_difference(metrics, group):
  """[n, 2]: degrees and the mean of the cells so far apart."""
  if f'{group}/matrix' not in metrics:
    return np.zeros((0, 2))
  angles = np.array([float(v[:9]) for v in metrics['views']])
  apart = np.abs(angles[:, None] - angles)
  apart = np.minimum(apart, np.abs(360 - apart))
  matrix = np.array(metrics[f'{group}/matrix'], float)
  there = np.isfinite(matrix)
  return np.array(
    [
      (degrees, matrix[there & (apart == degrees)].mean())
      for degrees in np.unique(apart[there])
    ]
  ).reshape(-1, 2)


def _map(metrics, group):
  if f'{group}/matrix' not in metrics:
    return ''
  views = [tables.degrees(view) for view in metrics['views']]
  matrix = np.array(metrics[f'{group}/matrix'], float)
  return charts.heat_map(matrix, views, f'rank-1 by view pair, {group}')
