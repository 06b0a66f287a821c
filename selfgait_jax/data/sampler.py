"""Which sequences make a batch: NumPy, no state."""

import dataclasses

import ml_collections
import numpy as np

from selfgait_jax.data.sequences import SequenceSet


@dataclasses.dataclass(frozen=True)
class Index:
  """Rows of a SequenceSet grouped by subject, view and walk.

  A walk is what a subject did once, under one condition, seen by one camera
  or by several.

  Attributes:
    subject_rows: rows of each subject, subjects in sorted order.
    view_rows: rows of each view, views in sorted order.
    views: int [N], number of each row's view.
    walk_rows: int [W, V], the row of each walk in each view; -1 where the view
      is missing.
    shared_walks: numbers of the walks that have at least two views.
  """

  subject_rows: tuple[np.ndarray, ...]
  view_rows: tuple[np.ndarray, ...]
  views: np.ndarray
  walk_rows: np.ndarray
  shared_walks: np.ndarray


def make_index(sequences: SequenceSet) -> Index:
  """Groups the rows of `sequences`."""
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


def _groups(numbers):
  """Positions of 0, 1, 2, ... in `numbers`, one array for each number."""
  order = np.argsort(numbers, kind='stable')
  return tuple(np.split(order, np.cumsum(np.bincount(numbers))[:-1]))


def labelled_rows(
  index: Index, stage: ml_collections.ConfigDict, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
  """Draws P different subjects and K sequences of each.

  A sequence is drawn twice only where a subject has fewer than K.

  Args:
    index: of the labelled sequences.
    stage: section of the config with `batch_subjects` (P) and
      `batch_sequences` (K).
    rng: the only source of randomness.

  Returns:
    Rows, int [P * K], those of a subject side by side; labels, int32 [P * K],
    the rank of each subject in the index.
  """
  subjects, count = _subjects(index, stage, rng), stage.batch_sequences
  rows = [choose(index.subject_rows[s], count, rng) for s in subjects]
  return np.concatenate(rows), np.repeat(subjects, count).astype(np.int32)


def label_free_rows(
  index: Index,
  stage: ml_collections.ConfigDict,
  rng: np.random.Generator,
  by_identity: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
  """Draws the two sequences of each positive pair, without using labels.

  A batch repeats a sequence (with `synchronised_views`, a walk) only where
  there are fewer than B. With views_per_batch=0 and V cameras of equally many
  sequences, about (B - 1) / V others of a batch share the camera of a clip:
  with negatives=same_camera these are all of its negatives.

  Args:
    index: of the unlabelled sequences.
    stage: a label-free section of the config; B = P * K.
    rng: the only source of randomness.
    by_identity: draw P subjects and K sequences of each with replacement, like
      the `TripletSampler` of the SelfGait release, which does use labels.

  Returns:
    Two arrays of rows, int [B]; they differ only with `synchronised_views`.
  """
  count = stage.batch_subjects * stage.batch_sequences
  if by_identity:
    rows = [
      rng.choice(index.subject_rows[s], stage.batch_sequences)
      for s in _subjects(index, stage, rng)
    ]
    first = np.concatenate(rows)
  elif stage.pairs == 'synchronised_views':
    return _synchronised_rows(index, count, stage.views_per_batch, rng)
  elif stage.views_per_batch == 1:
    # The view of a random row, so that every sequence is equally likely.
    view = index.views[rng.integers(len(index.views))]
    first = choose(index.view_rows[view], count, rng)
  else:
    first = choose(np.arange(len(index.views)), count, rng)
  return first, first


def choose(
  items: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
  """`count` of the items in random order, repeated as evenly as possible."""
  if count <= len(items):
    return rng.choice(items, count, replace=False)
  passes = [rng.permutation(items) for _ in range(-(-count // len(items)))]
  return np.concatenate(passes)[:count]


def _subjects(index, stage, rng):
  """Numbers of P different subjects."""
  return rng.choice(
    len(index.subject_rows), stage.batch_subjects, replace=False
  )


def _synchronised_rows(index, count, views_per_batch, rng):
  """Rows of the same walks seen by two different cameras."""
  seen = index.walk_rows >= 0  # [W, V]
  if views_per_batch == 2:
    # Two views of a random walk: at least this walk has both of them.
    views = np.flatnonzero(seen[rng.choice(index.shared_walks)])
    first, second = rng.choice(views, 2, replace=False)
    walks = choose(np.flatnonzero(seen[:, first] & seen[:, second]), count, rng)
  else:
    walks = choose(index.shared_walks, count, rng)
    # Each walk's views in random order, the missing ones last.
    order = np.where(seen[walks], rng.random((count, seen.shape[1])), 1.0)
    first, second = np.argsort(order, axis=1)[:, :2].T
  return index.walk_rows[walks, first], index.walk_rows[walks, second]
