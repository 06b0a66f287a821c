"""A panel with two axes, as SVG whose colours the page decides."""

import html
import math
from collections.abc import Iterable, Sequence

import numpy as np

from selfgait_jax import errors

WIDTH = 340  # of a panel; about as wide as it stands on the page
_MARGINS = 44, 12, 20, 36  # left, right, top and bottom, for the labels
_BARE = 4, 4, 4, 4
_MOST = 300  # points of a line
_TICKS = 6  # of an axis, at most about


class Axes:
  """Linear axes, or a logarithmic horizontal one; draw, then take `svg`."""

  def __init__(
    self,
    x: tuple[float, float],
    y: tuple[float, float],
    x_label: str = '',
    y_label: str = '',
    height: int = 230,
    x_ticks: Sequence[tuple[float, str]] | None = None,
    logarithmic: bool = False,
    bare: bool = False,
  ):
    """Takes the ends of both axes and what they are called.

    Args:
      x: the first and the last value.
      y: likewise.
      x_label: below the axis.
      y_label: above the axis.
      height: in CSS pixels, with the labels.
      x_ticks: (value, label); None to choose round numbers.
      logarithmic: whether the horizontal axis is.
      bare: draw a box without numbers.
    """
    self._log = logarithmic
    self._x, self._y = _apart(*map(self._scaled, x)), _apart(*y)
    self._left, right, self._top, bottom = _BARE if bare else _MARGINS
    self._right, self._base = WIDTH - right, height - bottom
    self._height = height
    self._parts: list[str] = []
    if bare:
      self._x, self._y = _wider(*self._x), _wider(*self._y)
      self._box()
    else:
      self._frame(x_label, y_label, x_ticks)

  def line(self, points: np.ndarray, css: str) -> None:
    """A line through [n, 2], thinned; it has gaps at NaN."""
    path, pen = [], 'M'
    for x, y in _thinned(points):
      if math.isfinite(x) and math.isfinite(y):
        path.append(f'{pen}{self._at(x):.1f} {self._up(y):.1f}')
        pen = 'L'
      else:
        pen = 'M'
    self._path(path, f'series {css}')

  def dots(self, points: np.ndarray, css: str, colour: str = '') -> None:
    """A dot at each of [n, 2]; those with NaN are left out."""
    path = [
      f'M{self._at(x):.1f} {self._up(y):.1f}h0'
      for x, y in points
      if math.isfinite(x) and math.isfinite(y)
    ]
    self._path(path, f'dots {css}', colour)

  def steps(self, edges: np.ndarray, heights: np.ndarray, css: str) -> None:
    """A histogram, filled down to the axis: [n + 1] edges, [n] heights."""
    floor = self._up(self._y[0])
    path = [f'M{self._at(edges[0]):.1f} {floor:.1f}']
    for right, height in zip(edges[1:], heights, strict=True):
      path.append(f'V{self._up(height):.1f}H{self._at(right):.1f}')
    self._path([*path, f'V{floor:.1f}Z'], f'area {css}')

  def band(
    self, x: np.ndarray, low: np.ndarray, high: np.ndarray, css: str
  ) -> None:
    """The area between two lines over x, all [n]."""
    there = [*zip(x, high, strict=True)]
    back = [*zip(x[::-1], low[::-1], strict=True)]
    path = [f'{self._at(a):.1f} {self._up(b):.1f}' for a, b in there + back]
    self._path([f'M{"L".join(path)}Z'], f'area {css}')

  def vertical(self, x: float, label: str) -> None:
    """A dashed line at x, with a label at its top."""
    at = self._at(x)
    self._parts.append(
      f'<path class="mark" d="M{at:.1f} {self._top}V{self._base}"/>'
    )
    side, shift = ('end', -4) if at > WIDTH / 2 else ('', 4)
    self._parts.append(
      label_at(at + shift, self._top + 10, label, f'ink {side}')
    )

  def diagonal(self) -> None:
    """A dashed line from the lower left to the upper right corner."""
    self._parts.append(
      f'<path class="mark" d="M{self._left} {self._base}'
      f'L{self._right} {self._top}"/>'
    )

  def svg(self, title: str) -> str:
    """The finished picture; the title is for those who cannot see it."""
    return svg(WIDTH, self._height, title, self._parts)

  def _box(self):
    self._parts.append(
      f'<path class="grid" d="M{self._left} {self._top}H{self._right}'
      f'V{self._base}H{self._left}Z"/>'
    )

  def _frame(self, x_label, y_label, x_ticks):
    for value, words in ticks(*self._y):
      up = self._up(value)
      self._parts.append(
        f'<path class="grid" d="M{self._left} {up:.1f}H{self._right}"/>'
      )
      self._parts.append(label_at(self._left - 5, up + 3.5, words, 'end'))
    if x_ticks is None:
      x_ticks = self._powers() if self._log else ticks(*self._x)
    for value, words in x_ticks:
      at = self._at(value)
      self._parts.append(f'<path class="axis" d="M{at:.1f} {self._base}v4"/>')
      self._parts.append(label_at(at, self._base + 15, words, 'mid'))
    self._parts.append(
      f'<path class="axis" d="M{self._left} {self._base}H{self._right}"/>'
    )
    middle = (self._left + self._right) / 2
    self._parts.append(label_at(middle, self._height - 5, x_label, 'mid'))
    self._parts.append(label_at(2, 11, y_label))

  def _powers(self):
    first, last = math.ceil(self._x[0]), math.floor(self._x[1])
    powers = (10.0**n for n in range(first, last + 1))
    return [(power, f'{power:g}') for power in powers]

  def _path(self, pieces, css, colour=''):
    if pieces:
      own = f' style="stroke:{colour}"' if colour else ''
      self._parts.append(f'<path class="{css}"{own} d="{"".join(pieces)}"/>')

  def _scaled(self, x):
    return math.log10(max(x, 1e-300)) if self._log else x

  def _at(self, x):
    low, high = self._x
    share = (self._scaled(x) - low) / (high - low)
    return self._left + share * (self._right - self._left)

  def _up(self, y):
    low, high = self._y
    return self._base - (y - low) / (high - low) * (self._base - self._top)


def svg(width: float, height: float, title: str, parts: Iterable[str]) -> str:
  """An SVG element that is as wide as its place allows."""
  return (
    f'<svg viewBox="0 0 {width:g} {height:g}" role="img" '
    f'aria-label="{_text(title)}">{"".join(parts)}</svg>'
  )


def label_at(x: float, y: float, words: str, css: str = '') -> str:
  """A line of text; `css` may have mid, end, ink or cell."""
  name = f' class="{css.strip()}"' if css.strip() else ''
  return f'<text x="{x:.1f}" y="{y:.1f}"{name}>{_text(words)}</text>'


def tooltip(words: str) -> str:
  """What a mouse over the element shows."""
  return f'<title>{_text(words)}</title>'


def ticks(
  low: float, high: float, whole: bool = False
) -> list[tuple[float, str]]:
  """About six round numbers from `low` to `high`, each with its digits.

  Args:
    low: the end of an axis.
    high: the other end, which is larger.
    whole: leave out fractions.
  """
  step = (high - low) / _TICKS
  power = 10.0 ** math.floor(math.log10(step))
  step = next(power * m for m in (1, 2, 5, 10) if power * m >= step * 0.999)
  step = max(step, 1.0) if whole else step
  first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
  digits = max(0, -math.floor(math.log10(step) + 1e-9))
  brief = digits > 4 or max(abs(low), abs(high)) >= 1e5
  form = '.3g' if brief else f'.{digits}f'
  return [(n * step, f'{n * step:{form}}') for n in range(first, last + 1)]


def _apart(low, high):
  """The ends of an axis, which must differ."""
  if high - low > 1e-6 * max(abs(low), abs(high)):
    return low, high
  gap = 0.05 * max(abs(low), abs(high)) or 1.0
  return low - gap, high + gap


def _wider(low, high):
  gap = 0.03 * (high - low)
  return low - gap, high + gap


def _thinned(points):
  if len(points) <= _MOST:
    return points
  return points[np.linspace(0, len(points) - 1, _MOST).round().astype(int)]


def _text(words):
  return html.escape(errors.printable(words, 200))
