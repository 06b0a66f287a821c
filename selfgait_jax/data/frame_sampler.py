"""Which frames of a sequence make a clip: NumPy, no state."""

import dataclasses

import ml_collections
import numpy as np

from selfgait_jax.data import draws
from selfgait_jax.data.sequences import SequenceSet

MAX_LENGTHS = 6  # different lengths of padded clips


def clip_lengths(
  stage: ml_collections.ConfigDict, longest: int
) -> tuple[int, ...]:
  """All values that T of a stage's labelled batches can take, rising.

  Each costs one compilation, so there are at most `MAX_LENGTHS`: multiples of
  10, or of a larger number if those would be too many, and the largest T.

  Args:
    stage: section of the config.
    longest: frames of the longest sequence.
  """
  if stage.frames_sampling == 'fixed':
    return (stage.frames,)
  if stage.frames_sampling == 'unfixed':
    low, high = stage.frames_min, stage.frames_max
  else:
    low, high = 1, min(stage.frames_limit, longest)
  step = 10 * max(1, -(-(high - low) // (10 * (MAX_LENGTHS - 1))))
  return (*(n for n in range(step, high, step) if n >= low), high)


def clip_frames(
  lengths: np.ndarray,
  stage: ml_collections.ConfigDict,
  rng: np.random.Generator,
  sizes: tuple[int, ...],
) -> tuple[np.ndarray, np.ndarray | None]:
  """Draws the frames of one clip from each sequence.

  These are OpenGait's rules, with the frame interval of
  Multi-view-Consistency-loss. A clip has N frames: `frames` if
  `frames_sampling` is fixed, a draw from `frames_min` to `frames_max` if it is
  unfixed, the first `frames_limit` in order if it is all. Fixed and unfixed
  clips are ordered or not:

  - ordered: N out of N + `frames_skip` frames in a row, the interval between
    two of them drawn for each clip. Every start at which they fit is equally
    likely; a sequence that is too short is first repeated until they fit.
  - not ordered: any N frames, with repetitions if there are fewer.

  Args:
    lengths: frames of each sequence, int [B].
    stage: section of the config.
    rng: the only source of randomness.
    sizes: from `clip_lengths`; T is the smallest that holds every clip.

  Returns:
    Offsets from the first frame of the sequence, int [B, T], 0 for padding;
    mask, bool [B, T], True for real frames, or None for fixed clips, which are
    not padded.
  """
  counts = _draw_counts(lengths, stage, rng)
  size = sizes[np.searchsorted(sizes, counts.max())]
  if stage.frames_sampling == 'all':
    offsets = np.arange(size)
  elif stage.ordered:
    offsets = _ordered(lengths, counts, size, stage, rng)
  else:
    offsets = _unordered(lengths, counts, size, rng)
  if stage.frames_sampling == 'fixed':
    return offsets, None
  mask = np.arange(size) < counts[:, None]
  return np.where(mask, offsets, 0), mask


def _draw_counts(lengths, stage, rng):
  """Number of frames of each clip, int [B]."""
  if stage.frames_sampling == 'fixed':
    return np.full(len(lengths), stage.frames)
  if stage.frames_sampling == 'unfixed':
    low, high = stage.frames_min, stage.frames_max
    return rng.integers(low, high, len(lengths), endpoint=True)
  return np.minimum(lengths, stage.frames_limit)


def _ordered(lengths, counts, size, stage, rng):
  """Rising offsets that wrap around at the end of the sequence."""
  intervals = np.ones_like(counts)
  if stage.interval_max > 1:
    low, high = stage.interval_min, stage.interval_max
    intervals = rng.integers(low, high, len(lengths), endpoint=True)
  candidates = counts + stage.frames_skip
  spans = (candidates - 1) * intervals + 1
  starts = _starts(lengths, spans, rng.random(len(lengths)))
  chosen = np.arange(size)
  if stage.frames_skip:
    places = np.arange(size + stage.frames_skip)
    draws = rng.random((len(lengths), len(places)))
    draws[places >= candidates[:, None]] = 2
    # A clip's candidates in random order: keep the first N of them, sorted.
    order = np.argsort(draws, axis=1)[:, :size]
    order[chosen >= counts[:, None]] = len(places)
    chosen = np.sort(order, axis=1)
  return (starts[:, None] + chosen * intervals[:, None]) % lengths[:, None]


def _starts(lengths, spans, positions):
  """First frames, int [B], of spans that fit into the repeated sequences."""
  repeated = lengths * -(-spans // lengths)
  return (positions * (repeated - spans + 1)).astype(np.int64)


def _unordered(lengths, counts, size, rng):
  """Offsets in random order, drawn with replacement only if too few."""
  deck = np.arange(max(size, lengths.max()))
  draws = rng.random((len(lengths), len(deck)))
  draws[deck >= lengths[:, None]] = 2
  once = np.argsort(draws, axis=1)[:, :size]
  again = (rng.random(once.shape) * lengths[:, None]).astype(np.int64)
  return np.where((lengths < counts)[:, None], again, once)


def window(
  lengths: np.ndarray, frames: int, positions: np.ndarray
) -> np.ndarray:
  """Offsets of consecutive frames, int [B, T], that wrap in short sequences.

  Args:
    lengths: frames of each sequence, int [B].
    frames: T.
    positions: where each window starts among the possible starts, from 0 to
      below 1.
  """
  starts = _starts(lengths, frames, positions)
  return (starts[:, None] + np.arange(frames)) % lengths[:, None]


def fixed_positions(count: int, seed: int) -> np.ndarray:
  """`positions` for `window` that a run keeps, as `reference.window` asks."""
  return draws.generator(seed, 'window').random(count)


def fixed_windows(
  sequences: SequenceSet, frames: int, seed: int
) -> SequenceSet:
  """Cuts each sequence to its one window of at most `frames` frames.

  The SelfGait release tests on these: it draws the window while it loads data.
  """
  lengths = np.minimum(sequences.lengths, frames)
  positions = fixed_positions(len(sequences), seed)
  first = window(sequences.lengths, frames, positions)[:, 0]
  # A shorter sequence stays whole.
  first = np.where(sequences.lengths < frames, 0, first)
  return dataclasses.replace(
    sequences, starts=sequences.starts + first, lengths=lengths
  )


def middle(sequences: SequenceSet, frames: int) -> SequenceSet:
  """Cuts each sequence to at most `frames` frames around its middle.

  A walker comes near or leaves at the ends of a sequence, where silhouettes are
  worse.
  """
  lengths = np.minimum(sequences.lengths, frames)
  starts = sequences.starts + (sequences.lengths - lengths) // 2
  return dataclasses.replace(
    sequences, starts=starts, lengths=lengths, pixels=None
  )


def equal_clips(sequences: SequenceSet, frames: int) -> SequenceSet:
  """A copy with `frames` frames of each sequence; short ones are repeated."""
  some = middle(sequences, frames)
  offsets = np.arange(frames) % some.lengths[:, None]
  return dataclasses.replace(
    some,
    frames=some.frames[(some.starts[:, None] + offsets).ravel()],
    starts=np.arange(len(some)) * frames,
    lengths=np.full(len(some), frames),
  )
