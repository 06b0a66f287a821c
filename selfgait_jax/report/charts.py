"""Charts without axes: bars, heat maps, and a body cut into strips."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from selfgait_jax.report import axes

# Colours of a heat map from 0 to 100, dark to light: viridis, thinned.
_SCALE = np.array(
  [
    [68, 1, 84], [71, 45, 123], [59, 82, 139], [44, 114, 142], [33, 145, 140],
    [40, 174, 128], [94, 201, 98], [173, 220, 48], [253, 231, 37],
  ]
)  # fmt: skip
_LIGHT = 55  # values from here on have dark letters


class Bar(NamedTuple):
  """A bar, with its name above.

  Attributes:
    name: of the row.
    value: from 0 to 100, or None.
    css: 'bar c0', 'floor' or 'published'.
  """

  name: str
  value: float | None
  css: str


def bars(rows: Sequence[Bar], title: str) -> str:
  """Horizontal bars on a scale from 0 to 100."""
  room, step = axes.WIDTH - 48, 31
  parts = [
    f'<path class="grid" d="M{share * room / 100:.1f} 4V{step * len(rows)}"/>'
    for share in (0, 25, 50, 75, 100)
  ]
  for i, bar in enumerate(rows):
    top = i * step + 15
    parts.append(axes.label_at(2, top - 4, bar.name, 'ink'))
    if bar.value is None:
      parts.append(axes.label_at(2, top + 9, 'not measured'))
      continue
    width = max(bar.value, 0.3) * room / 100
    parts.append(
      f'<rect class="{bar.css}" x="0.5" y="{top}" width="{width:.1f}" '
      'height="11"/>'
    )
    words = f'{bar.value:.1f}'
    parts.append(axes.label_at(width + 5, top + 9.5, words, 'ink'))
  return axes.svg(axes.WIDTH, step * len(rows) + 4, title, parts)


def heat_map(matrix: np.ndarray, views: Sequence[str], title: str) -> str:
  """Rank-1 by pairs of views as colours and numbers; NaN stays empty.

  Args:
    matrix: [V, V] of percent, probe views down and gallery views across.
    views: names, V of them.
    title: for those who cannot see it.
  """
  left, top = 40, 30
  side = (axes.WIDTH - left - 2) / max(len(views), 1)
  tall = min(side, 28.0)
  # Names that would overlap are left out, but for every second or third.
  longest = max(map(len, views), default=1)
  every = max(1, int(np.ceil(longest * 6 / side)))
  parts = [
    axes.label_at(2, 10, 'probe ↓, gallery →'),
    *(
      axes.label_at(left + (i + 0.5) * side, top - 5, view, 'cell')
      for i, view in enumerate(views)
      if i % every == 0
    ),
  ]
  for r, probe in enumerate(views):
    y = top + r * tall
    parts.append(axes.label_at(left - 4, y + tall / 2 + 4, probe[:6], 'end'))
    for c, value in enumerate(matrix[r]):
      tip = f'probe {probe}, gallery {views[c]}'
      where = left + c * side, y, side, tall
      parts.append(_cell(where, value, value, tip, f'{value:.0f}'))
  return axes.svg(axes.WIDTH, top + len(views) * tall + 2, title, parts)


def body(
  levels: Sequence[Sequence[float]],
  names: Sequence[str],
  title: str,
  words: Callable[[float], str],
) -> str:
  """A body from head to feet, cut into strips, a level a column.

  Args:
    levels: percent or points of each column, from head to feet; the largest is
      brightest, or 1 if that is larger.
    names: of the columns.
    title: for those who cannot see it.
    words: what stands in a strip, of its value.
  """
  height, top = 300, 20
  side = (axes.WIDTH - 2) / max(len(levels), 1)
  values = np.concatenate([np.array(level, float) for level in levels])
  most = max(np.nanmax(values, initial=0), 1.0)
  parts = []
  for column, (level, name) in enumerate(zip(levels, names, strict=True)):
    x, tall = 1 + column * side, height / len(level)
    parts.append(axes.label_at(x + side / 2, top - 7, name, 'mid'))
    for strip, value in enumerate(level):
      where = x + 1, top + strip * tall, side - 2, tall
      tip = f'{name}, strip {strip + 1} of {len(level)} from the head'
      colour = 100 * max(value, 0) / most
      parts.append(_cell(where, value, colour, tip, words(value)))
  return axes.svg(axes.WIDTH, top + height + 2, title, parts)


def _cell(where, value, colour, tip, words):
  x, y, width, height = where
  shape = (
    f'x="{x:.1f}" y="{y:.1f}" width="{width - 0.6:.1f}" '
    f'height="{height - 0.6:.1f}"'
  )
  if np.isnan(value):
    return f'<rect class="nothing" {shape}/>'
  place = float(np.clip(colour, 0, 100)) / 100 * (len(_SCALE) - 1)
  rgb = [
    round(float(np.interp(place, range(len(_SCALE)), _SCALE[:, i])))
    for i in range(3)
  ]
  css = 'cell off' if colour >= _LIGHT else 'cell on'
  middle = x + width / 2, y + height / 2 + 3.4
  tooltip = axes.tooltip(f'{tip}: {words}')
  shown = axes.label_at(*middle, words, css) if height >= 10 else ''
  return f'<g>{tooltip}<rect {shape} fill="#{bytes(rgb).hex()}"/>{shown}</g>'
