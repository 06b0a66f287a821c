"""What labels are worth, and how right pseudo-identities were."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from selfgait_jax import errors
from selfgait_jax.evaluate import label_worth, tables
from selfgait_jax.report import axes, blocks, style

_AUDIT = (
  'Counted after the run; training never saw it. A pair of sequences (with '
  'synchronised cameras: of walks) is right if both have one pseudo-identity '
  'and one subject. Precision: share of right pairs among those of one '
  'pseudo-identity. Recall: among those of one subject; the last columns count '
  'pairs in different clothes. Cameras: what a pseudo-identity tells about the '
  'camera, from 0 to 1.'
)


def study(results: Mapping[str, Any], titles: Mapping[str, str]) -> str:
  """Rank-1 by the number of labelled subjects, with the spread over draws."""
  cells = results['study']
  groups = tables.groups([cell['metrics'] for cell in cells])
  cells = [c for c in cells if all(_has(c, group) for group in groups)]
  if not groups or not cells:
    return ''
  arms = list(dict.fromkeys(cell['arm'] for cell in cells))
  drawn = [
    blocks.figure(titles.get(group, group.upper()), _worth(cells, group, arms))
    for group in groups
  ]
  header, body = label_worth.cells_of(cells)
  return blocks.section(
    'study',
    'What labels are worth',
    blocks.panels(drawn, blocks.keys(arms)) + blocks.table(header, body),
    'Mean and standard deviation over the draws. Each draw has its own '
    'labelled subjects, batches and first weights.',
  )


def _has(cell, group):
  return cell['metrics'].get(f'{group}/rank1') is not None


def _worth(cells, group, arms):
  spread = label_worth.spread(cells, group)
  counts = sorted({n for of in spread.values() for n in of})
  panel = axes.Axes(
    (0, max(len(counts) - 1, 1)), (0, 100), 'labelled subjects', 'rank-1 (%)',
    x_ticks=[(i, str(n)) for i, n in enumerate(counts)],
  )  # fmt: skip
  for i, arm in enumerate(arms):
    of = spread.get(arm, {})
    # Evenly spaced: the numbers of subjects grow by factors.
    x = np.array([counts.index(n) for n in of], float)
    mean, deviation = np.array(list(of.values())).reshape(-1, 2).T
    panel.band(x, mean - deviation, mean + deviation, style.series(i))
    panel.line(np.stack([x, mean], 1), style.series(i))
    panel.dots(np.stack([x, mean], 1), style.series(i))
  return panel.svg(f'rank-1 by labelled subjects, {group}')


def rounds(results: Mapping[str, Any]) -> str:
  """How right the pseudo-identities of each round were, a stage a part."""
  return ''.join(
    blocks.section(
      f'rounds-{number}', f'Pseudo-identities: {stage}', _stage(found), _AUDIT
    )
    for number, (stage, found) in enumerate(results['discovery'].items())
  )


def _stage(found: Sequence[Mapping[str, float]]) -> str:
  if not found:
    return ''
  names = [n for n in found[0] if all(n in each for each in found)]
  drawn = [n for n in names if n.split('/')[0] in ('precision', 'recall')]
  steps = np.array([each['step'] for each in found], float)
  panel = axes.Axes(
    (steps.min(), steps.max()), (0, 100), 'step of the round', 'pairs (%)'
  )
  for i, name in enumerate(drawn):
    values = np.array([100 * each[name] for each in found])
    points = np.stack([steps, values], 1)
    panel.line(points, style.series(i))
    panel.dots(points, style.series(i))
  legend = [errors.printable(n.replace('/', ', '), 60) for n in drawn]
  cell = lambda x: f'{x:.3f}' if isinstance(x, float) else str(x)
  body = [[cell(each[name]) for name in names] for each in found]
  svg = panel.svg('precision and recall of the rounds') if drawn else ''
  figure = blocks.figure('Right pairs', svg)
  return blocks.panels([figure], blocks.keys(legend)) + blocks.table(
    names, body
  )
