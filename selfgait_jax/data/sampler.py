"""Which sequences and which of their frames make a batch: NumPy, no state."""

import dataclasses

import numpy as np

from selfgait_jax.data import draws
from selfgait_jax.data.sequences import SequenceSet

MAX_LENGTHS = 6  # of padded clips


@dataclasses.dataclass(frozen=True)
class Index:
  """Rows of a SequenceSet by what they show, computed once.

  Attributes:
    subject_rows: rows of each subject, subjects in sorted order.
    view_rows: rows of each view, views in sorted order.
    views: int [N], number of each row's view.
    walk_rows: int [W, V], the row of each (subject, condition) by view, -1
      where there is none.
    shared_walks: those of the W that more than one camera saw.
  """

  subject_rows: tuple[np.ndarray, ...]
  view_rows: tuple[np.ndarray, ...]
  views: np.ndarray
  walk_rows: np.ndarray
  shared_walks: np.ndarray


def make_index(sequences: SequenceSet) -> Index:
  """Rows are numbered as in `sequences`."""
  views = np.unique(sequences.views, return_inverse=True)[1]
  conditions = np.unique(sequences.conditions, return_inverse=True)[1]
  walks = sequences.labels.astype(np.int64) * len(sequences) + conditions
  walks = np.unique(walks, return_inverse=True)[1]
  walk_rows = np.full((walks.max() + 1, views.max() + 1), -1)
  walk_rows[walks, views] = np.arange(len(sequences))
  return Index(
    subject_rows=_groups(sequences.labels),
    view_rows=_groups(views),
    views=views,
    walk_rows=walk_rows,
    shared_walks=np.flatnonzero((walk_rows >= 0).sum(axis=1) > 1),
  )


def label_free_rows(
  index: Index, stage, rng: np.random.Generator, by_identity: bool = False
) -> tuple[np.ndarray, np.ndarray]:
  """Rows of the two clips of each positive pair, without looking at labels.

  No row comes twice where there are enough; with `synchronised_views`, no walk.

  Args:
    index: of the unlabelled sequences.
    stage: a label-free stage of the config; its batch is P * K.
    rng: the only source of randomness.
    by_identity: P subjects and K sequences of each, with replacement, as the
      SelfGait release draws them (its `TripletSampler`).

  Returns:
    Two int arrays [B]; they differ only with `synchronised_views`.
  """
  batch = stage.batch_subjects * stage.batch_sequences
  if by_identity:
    subjects = rng.choice(
      len(index.subject_rows), stage.batch_subjects, replace=False
    )
    first = np.concatenate(
      [
        rng.choice(index.subject_rows[s], stage.batch_sequences)
        for s in subjects
      ]
    )
  elif stage.pairs == 'synchronised_views':
    return _synchronised_rows(index, batch, stage.views_per_batch, rng)
  elif stage.views_per_batch == 1:
    # A random row's view: each sequence is as likely as any other.
    view = index.views[rng.integers(len(index.views))]
    first = choose(index.view_rows[view], batch, rng)
  else:
    first = choose(np.arange(len(index.views)), batch, rng)
  return first, first


def labelled_rows(
  index: Index, stage, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
  """P distinct subjects, K sequences of each, distinct where there are enough.

  Returns:
    Rows, int [P * K], a subject's rows together; labels, int32 [P * K], the
    rank of the subject among those of the index.
  """
  subjects = rng.choice(
    len(index.subject_rows), stage.batch_subjects, replace=False
  )
  count = stage.batch_sequences
  rows = [choose(index.subject_rows[s], count, rng) for s in subjects]
  return np.concatenate(rows), np.repeat(subjects, count).astype(np.int32)


def clip_lengths(stage, longest: int) -> tuple[int, ...]:
  """The values, rising, that T of the stage's labelled batches can have.

  Each is a program to compile: multiples of 10, or of more where they would be
  too many, up to the largest.

  Args:
    stage: of the config.
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
  lengths: np.ndarray, stage, rng: np.random.Generator, sizes
) -> tuple[np.ndarray, np.ndarray | None]:
  """Which frames of each sequence its clip holds.

  OpenGait's rules with the interval of Multi-view-Consistency-loss. A clip has
  N frames: `frames`, or for `unfixed` a draw from `frames_min` to `frames_max`.
  `ordered` it is N out of N + `frames_skip` frames in a row, or in steps of a
  rate drawn for the clip, from a start that is any at which they fit; a
  sequence too short for that is first repeated as often as needed. Unordered
  it is any N frames, with repetitions where there are fewer. `all` takes the
  first `frames_limit`, in order.

  Args:
    lengths: frames of each sequence, int [B].
    stage: of the config.
    rng: the only source of randomness.
    sizes: of `clip_lengths`; T is the least that holds the longest clip.

  Returns:
    Offsets, int [B, T], 0 for padding; mask, bool [B, T], True for real frames,
    None for `fixed` clips, which have no padding.
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


def window(
  lengths: np.ndarray, frames: int, positions: np.ndarray
) -> np.ndarray:
  """Contiguous windows, int [B, T], wrapped around short sequences.

  Args:
    lengths: frames of each sequence, int [B].
    frames: T.
    positions: from 0 to below 1, the place of the start among those possible.
  """
  starts = _starts(lengths, frames, positions)
  return (starts[:, None] + np.arange(frames)) % lengths[:, None]


def fixed_positions(count: int, seed: int) -> np.ndarray:
  """`positions` of `window` that stay for a whole run: `reference.window`."""
  return draws.generator(seed, 'window').random(count)


def fixed_windows(
  sequences: SequenceSet, frames: int, seed: int
) -> SequenceSet:
  """Each sequence cut to its one window of at most `frames` frames.

  What the SelfGait release tests on: the window drawn when it loads the data.
  """
  lengths = np.minimum(sequences.lengths, frames)
  positions = fixed_positions(len(sequences), seed)
  first = window(sequences.lengths, frames, positions)[:, 0]
  # A shorter sequence stays whole.
  first = np.where(sequences.lengths < frames, 0, first)
  return dataclasses.replace(
    sequences, starts=sequences.starts + first, lengths=lengths
  )


def choose(
  items: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
  """`count` of the items in random order, each as often as any other or once
  more."""
  if count <= len(items):
    return rng.choice(items, count, replace=False)
  passes = [rng.permutation(items) for _ in range(-(-count // len(items)))]
  return np.concatenate(passes)[:count]


def _draw_counts(lengths, stage, rng):
  """Frames of each clip, int [B]."""
  if stage.frames_sampling == 'fixed':
    return np.full(len(lengths), stage.frames)
  if stage.frames_sampling == 'unfixed':
    low, high = stage.frames_min, stage.frames_max
    return rng.integers(low, high, len(lengths), endpoint=True)
  return np.minimum(lengths, stage.frames_limit)


def _ordered(lengths, counts, size, stage, rng):
  """Rising offsets, counted on around the end of the sequence."""
  rates = np.ones_like(counts)
  if stage.interval_max > 1:
    low, high = stage.interval_min, stage.interval_max
    rates = rng.integers(low, high, len(lengths), endpoint=True)
  candidates = counts + stage.frames_skip
  spans = (candidates - 1) * rates + 1
  starts = _starts(lengths, spans, rng.random(len(lengths)))
  chosen = np.arange(size)
  if stage.frames_skip:
    places = np.arange(size + stage.frames_skip)
    draws = rng.random((len(lengths), len(places)))
    draws[places >= candidates[:, None]] = 2
    # A clip's candidates in random order: the first N of them, sorted.
    order = np.argsort(draws, axis=1)[:, :size]
    order[chosen >= counts[:, None]] = len(places)
    chosen = np.sort(order, axis=1)
  return (starts[:, None] + chosen * rates[:, None]) % lengths[:, None]


def _starts(lengths, spans, positions):
  """First frames, int [B], of spans that fit into the repeated sequences."""
  repeated = lengths * -(-spans // lengths)
  return (positions * (repeated - spans + 1)).astype(np.int64)


def _unordered(lengths, counts, size, rng):
  deck = np.arange(max(size, lengths.max()))
  draws = rng.random((len(lengths), len(deck)))
  draws[deck >= lengths[:, None]] = 2
  once = np.argsort(draws, axis=1)[:, :size]
  again = (rng.random(once.shape) * lengths[:, None]).astype(np.int64)
  return np.where((lengths < counts)[:, None], again, once)


def _synchronised_rows(index, batch, views_per_batch, rng):
  """Two cameras' rows of distinct walks."""
  seen = index.walk_rows >= 0  # [W, V]
  if views_per_batch == 2:
    # A random walk's views: such a pair exists, and common ones come oftener.
    views = np.flatnonzero(seen[rng.choice(index.shared_walks)])
    first, second = rng.choice(views, 2, replace=False)
    walks = choose(np.flatnonzero(seen[:, first] & seen[:, second]), batch, rng)
  else:
    walks = choose(index.shared_walks, batch, rng)
    # Views in random order, the missing ones last.
    order = np.where(seen[walks], rng.random((batch, seen.shape[1])), 1.0)
    first, second = np.argsort(order, axis=1)[:, :2].T
  return index.walk_rows[walks, first], index.walk_rows[walks, second]


def _groups(numbers):
  """Positions of 0, 1, 2, ... in `numbers`, each an array."""
  order = np.argsort(numbers, kind='stable')
  return tuple(np.split(order, np.cumsum(np.bincount(numbers))[:-1]))
