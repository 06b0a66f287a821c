"""CMC and DET curves, distances with the threshold, reliability."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from selfgait_jax.report import axes, blocks, rows, style


def section(results: Mapping[str, Any], pictures: Mapping) -> str:
  """Search and verification, in four kinds of panels."""
  return blocks.section(
    'matching',
    'Search and verification',
    _cumulative(results)
    + _detection(pictures)
    + _histograms(pictures)
    + _reliability(pictures),
  )


def sample_note(pictures: Mapping) -> str:
  """Says how large the sample behind the pictures is."""
  if 'size' not in pictures:
    return ''
  probes, gallery, people = pictures['size']
  return (
    f'Main row, on a sample of {probes:,} probes and {gallery:,} gallery '
    f'sequences of {people:,} people.'
  )


def _cumulative(results):
  drawn, legend = [], rows.keys(results)
  for group, title in rows.groups(results).items():
    curves = {
      key: np.array(metrics[f'{group}/cmc'], float)
      for key, metrics in zip(legend, results['rows'].values(), strict=True)
      if metrics.get(f'{group}/cmc')
    }
    if not curves:
      continue
    last = max(2, *map(len, curves.values()))
    panel = axes.Axes(
      (1, last), (0, 100), 'rank k', 'mate among the k nearest (%)',
      x_ticks=[(k, str(k)) for k in (1, 5, 10, 15, 20) if k <= last],
    )  # fmt: skip
    for key, curve in curves.items():
      ranks = np.arange(1, len(curve) + 1)
      panel.line(np.stack([ranks, curve], 1), key.css)
    drawn.append(blocks.figure(title, panel.svg(f'CMC, {title}')))
  if not drawn:
    return ''
  return blocks.heading(
    'CMC', 'How often a mate is among the k nearest gallery sequences.'
  ) + blocks.panels(drawn, legend)


def _detection(pictures):
  names = ('false_accept', 'false_reject')
  if any(f'distance/{name}' not in pictures for name in names):
    return ''
  panel = axes.Axes(
    (0.01, 100), (0, 100), 'false accepts (%)', 'false rejects (%)',
    logarithmic=True,
  )  # fmt: skip
  accept = pictures['distance/false_accept']
  for i, reject in enumerate(pictures['distance/false_reject']):
    panel.line(np.stack([accept, reject], 1), style.series(i))
  return blocks.single(
    'DET',
    'The two errors of one threshold on the distance: pairs of two people that '
    'are accepted, and pairs of one person that are rejected. '
    + sample_note(pictures),
    'Errors of the main row',
    panel.svg('DET curves'),
    blocks.keys(pictures['titles']),
  )


def _histograms(pictures):
  names = ('edges', 'genuine', 'impostor', 'threshold', 'equal_error')
  if any(f'distance/{name}' not in pictures for name in names):
    return ''
  edges, genuine, impostor, threshold, error = (
    pictures[f'distance/{name}'] for name in names
  )
  if len(edges) != genuine.shape[1] + 1 or not np.isfinite(edges).all():
    return ''
  drawn = []
  for i, title in enumerate(pictures['titles']):
    shares = [
      100 * counts[i] / max(counts[i].sum(), 1)
      for counts in (genuine, impostor)
    ]
    panel = axes.Axes(
      (edges[0], edges[-1]), (0, max(1e-6, *(s.max() for s in shares))),
      'distance', 'pairs (%)',
    )  # fmt: skip
    for number, share in enumerate(shares):
      panel.steps(edges, share, style.series(number))
    if np.isfinite(threshold[i]):
      words = f'threshold {threshold[i]:.3g}, EER {error[i]:.1f} %'
      panel.vertical(threshold[i], words)
    drawn.append(blocks.figure(title, panel.svg(f'distances, {title}')))
  return blocks.heading(
    'Distances of pairs',
    'Each kind of pairs adds up to 100 %. At the dashed threshold as many '
    'pairs of one person are rejected as pairs of two are accepted. '
    + sample_note(pictures),
  ) + blocks.panels(
    drawn, blocks.keys(['pairs of one person', 'pairs of two people'])
  )


def _reliability(pictures):
  names = ('predicted', 'observed', 'weight')
  if any(f'reliability/{name}' not in pictures for name in names):
    return ''
  predicted, observed, weight = (pictures[f'reliability/{n}'] for n in names)
  panel = axes.Axes((0, 100), (0, 100), 'predicted (%)', 'observed (%)')
  panel.diagonal()
  legend = []
  for i, title in enumerate(pictures['titles']):
    points = np.stack([predicted[i], observed[i]], 1)
    points = points[np.isfinite(points).all(1)]
    panel.line(points, style.series(i))
    panel.dots(points, style.series(i))
    gap = np.nansum(weight[i] * np.abs(predicted[i] - observed[i]))
    legend.append(f'{title}, mean gap {gap:.1f} points')
  return blocks.single(
    'Reliability',
    'A logistic curve turns a distance into the probability that both '
    'sequences show one person, if both cases are equally likely before. It '
    'is fitted on some people and tried on others; on the '
    'dashed line its probabilities come true. ' + sample_note(pictures),
    'One curve for all conditions',
    panel.svg('reliability'),
    blocks.keys(legend),
  )
