"""Whether a clip shows a walking person: measures, a verdict and reasons.

`LIMITS` is the one table of thresholds; docs/input.md says how they were set.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from selfgait_jax import errors
from selfgait_jax.clips import measures
from selfgait_jax.clips.clip import Clip
from selfgait_jax.data.prepare import silhouettes


class Limit(NamedTuple):
  """What a measure of a clip may be.

  Attributes:
    good: the least, or where `is_most` the most, of a good clip.
    usable: likewise, below or above which a clip is refused.
    is_most: whether these are the largest values allowed.
  """

  good: float
  usable: float
  is_most: bool = False


LIMITS = {
  'frames': Limit(25, 5),  # usable ones; a gait cycle has about 25
  'share': Limit(0.8, 0.5),  # of the frames that are usable
  'piece': Limit(0.8, 0.6),  # median of the largest piece's share
  'cut': Limit(0.2, 0.6, is_most=True),  # share of the frames
  'centring': Limit(3, 8, is_most=True),  # median, pixels
  'motion': Limit(0.05, 0),  # deviation of the legs' width, pixels
}
# A frame is usable if none of these faults is in it.
SMALLEST_AREA, LARGEST_AREA = 0.03, 0.45  # share of 64 x 64 pixels
SMALLEST_PIECE = 0.5  # share of the white pixels
# A frame is cut if the person ends in a straight edge of so many pixels.
CUT_SIDE, CUT_TOP, CUT_BOTTOM = 30, 10, 16

VERDICTS = ('good', 'doubtful', 'refused')


@dataclasses.dataclass(frozen=True)
class Quality:
  """What `quality` finds.

  Attributes:
    frames: number of frames, with those that the reader left out.
    usable: frames that show one person.
    area: median share of 64 x 64 pixels that is white.
    cut: share of the frames in which the person is cut at a border.
    largest_piece: median share of the largest piece in the white pixels.
    centring: median distance from where alignment puts a person, in pixels.
    cycles: gait cycles seen; 0 if the legs' width has no clear period, as in
      many views from the front.
    verdict: 'good', 'doubtful' or 'refused'.
    reasons: sentences; none if the verdict is 'good'.
  """

  frames: int
  usable: int
  area: float
  cut: float
  largest_piece: float
  centring: float
  cycles: float
  verdict: str
  reasons: tuple[str, ...]


def quality(clip: Clip | np.ndarray) -> Quality:
  """Judges a clip; blank frames count only as unusable.

  Args:
    clip: from `read_clips`, or uint8 [T, 64, 64] or [T, 64, 44].

  Raises:
    UserError: an array of another type or size.
  """
  if not isinstance(clip, Clip):
    clip = Clip('', np.asarray(clip))
  frames, left_out, lost = clip.frames, clip.left_out, clip.lost
  if (
    frames.dtype != np.uint8
    or frames.ndim != 3
    or frames.shape[1:] not in silhouettes.SHAPES
  ):
    raise errors.UserError(
      f'expected a clip uint8 [T, 64, 64] or [T, 64, 44], found {frames.dtype} '
      f'{list(frames.shape)}; read it with selfgait_jax.read_clips'
    )
  if not len(frames):
    reasons = left_out or ('no frame',)
    return Quality(lost, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 'refused', reasons)
  found = measures.measure(frames)
  usable, faults = _usable(found)
  if lost:
    faults['left out'] = lost
  seen = found.area > 0
  median = lambda values: float(np.median(values[seen])) if seen.any() else 0.0
  cut = (
    (found.side >= CUT_SIDE)
    | (found.top >= CUT_TOP)
    | (found.bottom >= CUT_BOTTOM)
  )
  # Noise and inverted frames have edges everywhere.
  judged = usable if usable.any() else seen
  summary = Quality(
    frames=len(frames) + lost,
    usable=int(usable.sum()),
    area=median(found.area),
    cut=float(cut[judged].mean()) if judged.any() else 0.0,
    largest_piece=median(found.piece),
    centring=median(found.offset),
    cycles=measures.cycles(found.legs[usable]),
    verdict='good',
    reasons=(),
  )
  motion = float(found.legs[usable].std()) if usable.any() else 0.0
  return _judge(summary, motion, faults)


def _usable(found):
  """bool [T], and {fault: number of frames}; a frame counts for one fault."""
  small, large = found.area < SMALLEST_AREA, found.area > LARGEST_AREA
  tests = {
    'blank': found.area == 0,
    'inverted or filled': found.inverted,
    'with almost no person': small,
    'almost full': large,
    'in pieces': found.piece < SMALLEST_PIECE,
  }
  usable, faults = np.ones(len(found.area), bool), {}
  for fault, bad in tests.items():
    if count := int((bad & usable).sum()):
      faults[fault] = count
    usable &= ~bad
  return usable, faults


def _judge(summary, motion, faults):
  """The summary with its verdict and reasons, worst first."""
  listed = ', '.join(f'{count} {fault}' for fault, count in faults.items())
  listed = f' ({listed})' if listed else ''
  share = summary.usable / summary.frames
  values = {
    'share': (
      share,
      f'{summary.usable} of {summary.frames} frames are usable{listed}',
    ),
    'frames': (
      summary.usable,
      f'{summary.usable} usable frames, and a gait cycle has about 25',
    ),
    'piece': (
      summary.largest_piece,
      f'the largest piece is {summary.largest_piece:.0%} of the silhouette: '
      'several people, noise, or a person in parts',
    ),
    'cut': (
      summary.cut,
      f'the person is cut at a border in {summary.cut:.0%} of the frames',
    ),
    'centring': (
      summary.centring,
      f'the person is {summary.centring:.0f} pixels from where alignment puts '
      "it; read the clip with align='always'",
    ),
    'motion': (motion, 'the legs do not move'),
  }
  worst, reasons = 0, []
  for name, (value, sentence) in values.items():
    level = _level(value, LIMITS[name])
    worst = max(worst, level)
    if level:
      reasons.append((level, sentence))
    if name == 'frames' and worst == 2:
      break  # the rest would be measured on what shows no person
  reasons.sort(key=lambda reason: -reason[0])
  return dataclasses.replace(
    summary,
    verdict=VERDICTS[worst],
    reasons=tuple(sentence for _, sentence in reasons),
  )


def _level(value, limit):
  """0, 1 or 2, a place in `VERDICTS`."""
  if limit.is_most:
    return int(value > limit.good) + int(value > limit.usable)
  return int(value < limit.good) + int(value < limit.usable)
