"""The parts of embeddings that clothes leave alone, found without labels."""

import itertools
from collections.abc import Sequence

import numpy as np

LEAST_WEIGHT = 0.9  # of the best part's weight


def find(plain: np.ndarray, dressed: np.ndarray) -> np.ndarray:
  """The parts that stay nearly the same when a drawn coat or bag is put on.

  A part's weight is its variance between sequences, divided by the sum of this
  variance and of the mean squared change by the clothes.

  Args:
    plain: [M, P, D], embeddings of some unlabelled sequences.
    dressed: [M, P, D], of the same with drawn clothes on.

  Returns:
    bool [P]; all parts if clothes change none of them.
  """
  between = plain.var(axis=0).mean(axis=1)
  change = np.square(plain - dressed).mean(axis=(0, 2))
  weight = between / np.maximum(between + change, np.finfo(np.float32).tiny)
  return weight >= LEAST_WEIGHT * weight.max()


def of_network(
  strips: np.ndarray, bins: Sequence[int], parts: int
) -> np.ndarray:
  """The parts of a network that look at the rows of free strips.

  A network that is still learning changes with clothes everywhere, so its parts
  are judged by the rows they pool. Only its finest strips count: a coarser one
  holds the largest value of many rows, which looks farther.

  Args:
    strips: bool [S], from `find`, of strips from the first row to the last.
    bins: strips of each level of the horizontal pyramid, in the parts' order.
    parts: P, a multiple of the strips of all levels (GaitSet has two branches).

  Returns:
    bool [P]; all parts if they are no such strips, or if none is free.
  """
  everything = np.ones(parts, bool)
  if not bins or parts % sum(bins):
    return everything
  share = len(strips) / max(bins)  # of the given strips in one of the finest
  ends = np.arange(max(bins) + 1) * share
  free = [
    strips[int(np.floor(first)) : int(np.ceil(last))].all()
    for first, last in itertools.pairwise(ends)
  ]
  levels = [free if b == max(bins) else np.zeros(b, bool) for b in bins]
  found = np.tile(np.concatenate(levels), parts // sum(bins))
  return found.astype(bool) if found.any() else everything
