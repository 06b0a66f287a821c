"""Which sequences and which of their frames make a batch: NumPy, no state."""

import dataclasses
import zlib

import numpy as np

from selfgait_jax.data.sequences import SequenceSet


def generator(*words: int | str) -> np.random.Generator:
  """A generator that is a function of these words and nothing else."""
  entropy = [
    zlib.crc32(word.encode()) if isinstance(word, str) else word % 2**64
    for word in words
  ]
  return np.random.default_rng(entropy)


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


def clip_frames(
  lengths: np.ndarray, frames: int, rng: np.random.Generator, ordered: bool
) -> np.ndarray:
  """Which frames of each sequence its clip holds, int [B, T].

  Args:
    lengths: frames of each sequence, int [B].
    frames: T.
    rng: the only source of randomness.
    ordered: a contiguous window, wrapped around a sequence shorter than T;
      else T frames in random order, none twice where there are enough.
  """
  if ordered:
    return window(lengths, frames, rng.random(len(lengths)))
  # Frames are dealt out in passes over the sequence, each pass shuffled.
  deck = np.arange(max(frames, lengths.max()))
  passes, offsets = np.divmod(deck, lengths[:, None])
  order = np.argsort(passes + rng.random(passes.shape), axis=1)[:, :frames]
  return np.take_along_axis(offsets, order, axis=1)


def window(
  lengths: np.ndarray, frames: int, positions: np.ndarray
) -> np.ndarray:
  """Contiguous windows, int [B, T], wrapped around short sequences.

  Args:
    lengths: frames of each sequence, int [B].
    frames: T.
    positions: from 0 to below 1, the place of the start among those possible:
      where the window fits, or any frame of a sequence shorter than T.
  """
  starts = np.where(lengths < frames, lengths, lengths - frames + 1)
  starts = (positions * starts).astype(np.int64)
  return (starts[:, None] + np.arange(frames)) % lengths[:, None]


def fixed_positions(count: int, seed: int) -> np.ndarray:
  """`positions` of `window` that stay for a whole run: `reference.window`."""
  return generator(seed, 'window').random(count)


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
