"""How training went: a panel a quantity, with all stages in it."""

from collections.abc import Mapping

import numpy as np

from selfgait_jax import errors
from selfgait_jax.report import axes, blocks, style

_LABELS = {
  'spread': 'spread (0: collapsed)',
  'spread_lowest': 'spread of the worst part',
  'mean_cosine': 'mean cosine of two samples',
  'effective_rank': 'effective rank (dimensions)',
  'active_share': 'active triplets (share)',
  'active_triplets': 'active triplets per part',
  'frames_per_second': 'frames per second',
}
# Not drawn: of no use after the run, or a multiple of another curve.
_NOT_DRAWN = ('eta_seconds', 'steps_per_second')
# Settings: drawn only if a schedule changes them.
_SCHEDULED = ('learning_rate', 'target_momentum')
_HELD_OUT = 'held_out/'  # begins the names of the held-out check's scores
_SMOOTHED = 25  # a moving average is over this fraction of the points


def section(
  curves: Mapping[str, Mapping[str, np.ndarray]], titles: Mapping[str, str]
) -> str:
  """Losses and held-out rank-1 first; everything else is folded.

  Args:
    curves: stage -> name -> float [n, 2], steps and values.
    titles: heading of each probe group.
  """
  stages = list(curves)
  held, main, health = [], [], []
  for name in _names(curves):
    drawn = {
      stage: points[name]
      for stage, points in curves.items()
      if name in points and _is_worth(name, points)
    }
    if not drawn:
      continue
    if name.startswith(_HELD_OUT):
      group = name.removeprefix(_HELD_OUT).removesuffix('/rank1')
      shown = titles.get(group, errors.printable(group.upper(), 60))
      place, title = held, f'held-out rank-1, {shown} (%)'
    else:
      title = _label(name)
      place = main if 'loss' in name or 'accuracy' in name else health
    place.append(blocks.figure(title, _panel(drawn, stages, name)))
  if not held and not main and not health:
    return ''
  return blocks.section(
    'training',
    'Training',
    blocks.panels([*held, *main], blocks.keys(stages))
    + blocks.folded(
      'health signals and rates', blocks.panels(health, blocks.keys(stages))
    ),
    'Each panel has all stages. A faint line has every logged step, the other '
    'one their moving average.',
  )


def _names(curves):
  """Every quantity once: losses first, then by name."""
  names = dict.fromkeys(name for points in curves.values() for name in points)
  return sorted(names, key=lambda name: ('loss' not in name, name))


def _is_worth(name, points):
  """Whether to draw a curve of a stage; not one that another one repeats."""
  if name in _NOT_DRAWN:
    return False
  if name.startswith(_HELD_OUT):
    # Not `held_out/rank1`, which repeats the first group.
    return name.endswith('/rank1') and name != f'{_HELD_OUT}rank1'
  moves = np.ptp(points[name][:, 1]) > 0
  return (moves or name not in _SCHEDULED) and not _repeats(name, points)


def _repeats(name, points):
  """Whether a stage's total loss is this loss alone."""
  if name == 'loss' or 'loss' not in name or 'loss' not in points:
    return False
  return np.array_equal(points[name], points['loss'])


def _panel(drawn, stages, name):
  everything = np.concatenate(list(drawn.values()))
  low, high = everything.min(axis=0), everything.max(axis=0)
  panel = axes.Axes(
    (low[0], high[0]), (low[1], high[1]), 'step',
    x_ticks=axes.ticks(low[0], max(high[0], low[0] + 1), whole=True),
  )  # fmt: skip
  for stage, points in drawn.items():
    css = style.series(stages.index(stage))
    smooth = _smoothed(points)
    if len(smooth) < len(points):
      panel.line(points, f'faint {css}')
    panel.line(smooth, css)
    if len(points) < 30:
      panel.dots(points, f'small {css}')
  return panel.svg(f'{name} over the steps')


def _smoothed(points):
  window = max(1, len(points) // _SMOOTHED)
  if window == 1:
    return points
  values = np.convolve(points[:, 1], np.ones(window) / window, 'valid')
  steps = points[window // 2 :][: len(values), 0]
  return np.stack([steps, values], 1)


def _label(name):
  last = name.split('/')[-1]
  words = _LABELS.get(last, last.replace('_', ' '))
  return words if last == name else f'{name.split("/")[0]}: {words}'
