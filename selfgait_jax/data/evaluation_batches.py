"""Batches of whole sequences to embed, padded to a few lengths."""

from collections.abc import Iterator

import numpy as np

from selfgait_jax.data.sequences import SequenceSet

# Lengths that the network is compiled for; each costs seconds.
MAX_BUCKETS = 6


def evaluation_batches(
  sequences: SequenceSet,
  rows: np.ndarray,
  *,
  max_frames: int,
  batch_frames: int,
  divisor: int = 1,
  process_slice: tuple[int, int] = (0, 1),
) -> Iterator[dict[str, np.ndarray]]:
  """Yields each sequence once; batches of one padded length have one shape.

  Args:
    sequences: the whole set.
    rows: the wanted rows of it, int [N].
    max_frames: used of each sequence, from its start.
    batch_frames: padded frames of a batch, at most, unless `divisor` sequences
      have more.
    divisor: the number of sequences of a batch is a multiple of it.
    process_slice: (index, count) of this process; `count` divides `divisor`.

  Yields:
    'rows', int64 [B], of the global batch, -1 for a padding sequence without
    real frames; and of the b = B / count sequences of this process 'frames',
    uint8 [b, T, H, W], and 'mask', bool [b, T], True for real frames.
  """
  rows = np.asarray(rows, np.int64)
  lengths = np.minimum(sequences.lengths[rows], max_frames)
  buckets = bucket_lengths(lengths)
  bucket_of = np.searchsorted(buckets, lengths)
  index, count = process_slice
  for number, bucket in enumerate(buckets):
    members = rows[bucket_of == number]
    size = _batch_size(len(members), batch_frames // bucket, divisor)
    for place in range(0, len(members), size):
      batch = np.full(size, -1)
      found = members[place : place + size]
      batch[: len(found)] = found
      mine = np.split(batch, count)[index]
      yield _padded(sequences, mine, bucket) | {'rows': batch}


def bucket_lengths(lengths: np.ndarray) -> np.ndarray:
  """The at most `MAX_BUCKETS` padded lengths that add the fewest frames.

  Dynamic programming over the different lengths, in rising order.
  """
  sizes, counts = np.unique(lengths, return_counts=True)
  if not len(sizes):
    return sizes
  below = np.concatenate([[0], np.cumsum(counts)])
  sizes = np.concatenate([[0], sizes])
  # cost[i, j]: frames if lengths number i + 1 to j are padded to length j.
  cost = (below[None, :] - below[:, None]) * sizes.astype(float)
  cost[np.tril_indices(len(sizes), -1)] = np.inf
  # best[j]: fewest frames of the first j lengths with the buckets so far.
  best, choices = cost[0], []
  for _ in range(MAX_BUCKETS - 1):
    totals = best[:, None] + cost
    best = totals.min(axis=0)
    choices.append(totals.argmin(axis=0))
  ends = [len(sizes) - 1]
  for choice in reversed(choices):
    ends.append(choice[ends[-1]])
  return sizes[np.setdiff1d(ends, 0)]


def _batch_size(count, most, divisor):
  """Size of equal batches for `count` sequences, a multiple of `divisor`."""
  largest = max(divisor, most // divisor * divisor)
  batches = -(-count // largest)
  return -(-count // (batches * divisor)) * divisor


def _padded(sequences, rows, length):
  """'frames' and 'mask' of these rows; -1 gives an empty sequence."""
  frames = np.zeros((len(rows), length, *sequences.frames.shape[1:]), np.uint8)
  mask = np.zeros((len(rows), length), bool)
  for place, row in enumerate(rows):
    if row >= 0:
      clip = sequences[row][:length]
      frames[place, : len(clip)] = clip
      mask[place, : len(clip)] = True
  return {'frames': frames, 'mask': mask}
