"""What is measured of each frame, and the period of the legs' width."""

import dataclasses

import cv2
import numpy as np

from selfgait_jax.clips.frames import WHITE
from selfgait_jax.data.prepare import alignment

_LEGS = 44  # first row of the legs; the knee is near it
_SHORTEST, _LONGEST = 6, 40  # frames of a period
_LEAST_CORRELATION = 0.3  # of the legs' width with itself, a period later
_NEARLY = 0.85  # of the largest correlation: the first peak of these counts
# Seen from the side, both steps of a cycle look the same and the period is one
# step; seen from elsewhere it is a cycle. At 25 frames/s a step takes 11 to 15.
_LONGEST_STEP = 18


@dataclasses.dataclass(frozen=True)
class Frames:
  """Measures of T frames, each an array [T]; 0 for a blank frame.

  Attributes:
    area: white pixels over 64 x 64.
    piece: pixels of the largest piece over all white pixels.
    side: white pixels of the outermost white column, left or right.
    top: white pixels of the highest white row.
    bottom: white pixels of the lowest white row.
    offset: pixels from where alignment puts a person: of the column that halves
      the mass from the middle, or of the head and feet from the edge.
    inverted: bool, white at the border.
    legs: standard deviation of the columns of the legs' pixels.
  """

  area: np.ndarray
  piece: np.ndarray
  side: np.ndarray
  top: np.ndarray
  bottom: np.ndarray
  offset: np.ndarray
  inverted: np.ndarray
  legs: np.ndarray


def measure(frames: np.ndarray) -> Frames:
  """Measures uint8 [T, 64, W]."""
  white = frames > WHITE
  rows, columns = white.sum(2), white.sum(1)  # [T, 64], [T, W]
  total = rows.sum(1)
  first, last = _ends(rows)
  left, right = _ends(columns)
  at = lambda counts, place: counts[np.arange(len(counts)), place]
  half = columns.cumsum(1) > (total / 2)[:, None]
  middle = np.abs(half.argmax(1) - white.shape[2] // 2)
  margin = np.maximum(first, alignment.SIZE - 1 - last)
  blank = total == 0
  return Frames(
    area=total / alignment.SIZE**2,
    piece=np.array([_largest(frame) for frame in white]) / np.maximum(total, 1),
    side=np.maximum(at(columns, left), at(columns, right)),
    top=at(rows, first),
    bottom=at(rows, last),
    offset=np.where(blank, 0, np.maximum(middle, margin)),
    inverted=alignment.has_white_border(frames),
    legs=_spread(white[:, _LEGS:].sum(1)),
  )


def cycles(legs: np.ndarray) -> float:
  """Gait cycles in the legs' width [T]; 0 if it has no clear period.

  The period is the first high peak of the autocorrelation, without the trend of
  a person who comes closer or turns.
  """
  length = len(legs)
  most = min(_LONGEST, 2 * length // 3)
  if most <= _SHORTEST:
    return 0.0
  time = np.arange(length)
  legs = legs - np.polyval(np.polyfit(time, legs, 2), time)
  found = np.array([_correlation(legs, lag) for lag in range(most + 1)])
  inner = found[1:-1]
  peaks = 1 + np.flatnonzero((inner >= found[:-2]) & (inner >= found[2:]))
  # Neighbouring frames are alike: the first peak comes after a trough.
  troughs = np.flatnonzero(found < 0)
  start = max(_SHORTEST, troughs[0] if len(troughs) else most)
  peaks = peaks[(peaks >= start) & (found[peaks] >= _LEAST_CORRELATION)]
  if not len(peaks):
    return 0.0
  period = peaks[found[peaks] >= _NEARLY * found[peaks].max()][0]
  steps = 2 if period <= _LONGEST_STEP else 1
  return float(length / (steps * period))


def _ends(counts):
  """The first and last place of each row of [T, N] that is not 0."""
  some = counts > 0
  return some.argmax(1), counts.shape[1] - 1 - some[:, ::-1].argmax(1)


def _largest(white):
  """Pixels of the largest piece; pixels that touch at corners are apart.

  So that noise falls into pieces.
  """
  count, _, stats, _ = cv2.connectedComponentsWithStats(
    white.view(np.uint8), connectivity=4
  )
  return stats[1:, cv2.CC_STAT_AREA].max() if count > 1 else 0


def _spread(columns):
  """Standard deviation of the column, of the pixels counted in [T, W]."""
  place = np.arange(columns.shape[1])
  total = np.maximum(columns.sum(1), 1)
  mean = (columns @ place) / total
  return np.sqrt(np.maximum((columns @ place**2) / total - mean**2, 0))


def _correlation(series, lag):
  early, late = series[: len(series) - lag], series[lag:]
  scale = np.sqrt((early @ early) * (late @ late))
  return early @ late / scale if scale > 1e-9 else 0.0
