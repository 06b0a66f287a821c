"""k-reciprocal re-ranking: sequences with the same neighbours are close.

Zhong et al., CVPR 2017 (arXiv:1701.08398), with OpenGait's settings.
Neighbourhoods are lists, not a matrix of all pairs: memory is (M + N) * 210
weights plus one block of distances.
"""

from collections.abc import Callable

import numpy as np

from selfgait_jax import retrieval

NEIGHBOURS = 6  # k1: a neighbourhood, without the sequence itself
AVERAGED = 6  # k2: nearest sequences whose neighbourhoods are averaged
WEIGHT = 0.3  # lambda: of the plain distance


def make(
  probes: np.ndarray, gallery: np.ndarray, metric: str = 'euclidean'
) -> Callable[[slice], np.ndarray]:
  """Finds the neighbourhoods among probes and gallery together.

  The plain distances of each sequence are divided by its largest one, so that
  they lie in 0..1. Weights are float32; OpenGait's are half precision.

  Args:
    probes: [M, P, D].
    gallery: [N, P, D].
    metric: see `retrieval.pairwise_distance`.

  Returns:
    A function from a slice of the probes to their re-ranked distances to the
    gallery, float32 [m, N].
  """
  everything = np.concatenate([probes, gallery])
  _, nearest = retrieval.nearest(everything, everything, NEIGHBOURS + 1, metric)
  members = _neighbourhoods(nearest)
  weights, largest = _weights(everything, members, metric)
  rows, columns, values = _average(members, weights, nearest[:, :AVERAGED])

  # For each sequence, the gallery rows whose neighbourhoods contain it.
  count = len(probes)
  order = np.lexsort((rows, columns))
  order = order[rows[order] >= count]
  holders, held = rows[order] - count, values[order]
  starts = np.searchsorted(columns[order], np.arange(len(everything) + 1))
  own = np.searchsorted(rows, np.arange(count + 1))

  def distances(block: slice) -> np.ndarray:
    plain = retrieval.pairwise_distance(probes[block], gallery, metric)
    shared = np.zeros_like(plain)
    for line, row in enumerate(range(*block.indices(count))):
      for at in range(own[row], own[row + 1]):
        entries = slice(starts[columns[at]], starts[columns[at] + 1])
        shared[line, holders[entries]] += np.minimum(values[at], held[entries])
    jaccard = 1 - shared / (2 - shared)
    plain /= largest[block, None]
    return WEIGHT * plain + (1 - WEIGHT) * jaccard

  return distances


def _neighbourhoods(nearest):
  """Members of each k-reciprocal neighbourhood, [n, L], padded with -1.

  A neighbour is a member if it has the sequence among its own nearest. The
  smaller neighbourhood of such a member joins if more than two thirds of it are
  members already.
  """
  half = nearest[:, : round(NEIGHBOURS / 2) + 1]
  mutual, mutual_half = _is_mutual(nearest), _is_mutual(half)
  others, valid = half[nearest], mutual_half[nearest]  # [n, k, h]
  known = (others[..., None] == nearest[:, None, None]) & mutual[:, None, None]
  agreed = (known.any(axis=3) & valid).sum(axis=2)
  joins = mutual & (3 * agreed > 2 * valid.sum(axis=2))
  near = np.where(mutual, nearest, -1)
  far = np.where(valid & joins[..., None], others, -1)
  members = np.concatenate([near, far.reshape(len(near), -1)], axis=1)
  members.sort(axis=1)
  repeated = members[:, 1:] == members[:, :-1]
  members[:, 1:][repeated] = -1
  return members


def _is_mutual(nearest):
  """bool [n, k]: the neighbour has the sequence among its own nearest."""
  own = np.arange(len(nearest))[:, None, None]
  return (nearest[nearest] == own).any(axis=2)


def _weights(everything, members, metric):
  """Weights [n, L] that sum to 1, and each row's largest distance [n]."""
  weights = np.zeros(members.shape, np.float32)
  largest = np.empty(len(members), np.float32)
  for block in retrieval.host_blocks(len(members), len(members)):
    plain = retrieval.pairwise_distance(everything[block], everything, metric)
    largest[block] = np.maximum(plain.max(axis=1), np.finfo(np.float32).tiny)
    plain = np.take_along_axis(plain, np.maximum(members[block], 0), axis=1)
    weight = np.exp(-plain / largest[block, None])
    weight[members[block] < 0] = 0
    total = weight.sum(axis=1, keepdims=True)
    weights[block] = weight / np.where(total > 0, total, 1)
  return weights, largest


def _average(members, weights, nearest):
  """Mean neighbourhood of the nearest rows, as (rows, columns, values).

  Sorted by row; each column occurs once per row.
  """
  found = []
  height = 4096  # rows at a time
  for start in range(0, len(nearest), height):
    some = nearest[start : start + height]
    keys = np.arange(start, start + len(some))[:, None] * len(members)
    columns = members[some].reshape(len(some), -1)
    values = weights[some].reshape(len(some), -1) / some.shape[1]
    used = columns >= 0
    keys, place = np.unique((keys + columns)[used], return_inverse=True)
    values = np.bincount(place, values[used], len(keys)).astype(np.float32)
    found.append((*np.divmod(keys, len(members)), values))
  return tuple(np.concatenate(part) for part in zip(*found, strict=True))
