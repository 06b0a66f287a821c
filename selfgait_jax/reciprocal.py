"""k-reciprocal neighbourhoods: rows that name each other as neighbours.

Zhong et al., CVPR 2017 (arXiv:1701.08398). Two rows with the same
neighbourhood are of the same person more surely than two rows at a small
distance. Re-ranking and the discovery of identities share this file.
Neighbourhoods are sparse, so memory grows with the number of rows and not with
their pairs.
"""

from collections.abc import Callable, Iterable

import numpy as np
from scipy import sparse

ROWS = 1024  # whose Jaccard distances are computed at a time
LEAST = 1e-6  # Jaccard distance of equal neighbourhoods; sparse zeros are far


def encode(
  nearest: np.ndarray,
  averaged: int,
  plain: Callable[[slice], np.ndarray],
  blocks: Iterable[slice],
) -> tuple[sparse.csr_array, np.ndarray]:
  """The neighbourhood of each row, as weights of the rows in it.

  Args:
    nearest: int [N, K + 1], the row itself and its K nearest, by distance.
    averaged: neighbourhoods are averaged over so many nearest rows.
    plain: a slice of the rows -> their distances to all rows, [n, N].
    blocks: slices that cover the rows, each small enough for `plain`.

  Returns:
    Weights, float32 [N, N], whose rows sum to 1; the largest plain distance of
    each row, float32 [N].
  """
  members = _members(nearest)
  weights, largest = _weights(members, plain, blocks)
  used = members >= 0
  rows = np.broadcast_to(np.arange(len(members))[:, None], members.shape)
  entries = weights[used], (rows[used], members[used])
  own = sparse.csr_array(entries, shape=2 * (len(members),))
  return _mean_of_rows(own, nearest[:, :averaged]), largest


def jaccard(encoded: sparse.csr_array, most: float) -> sparse.csr_array:
  """Jaccard distances of all pairs of rows that are at most `most` apart.

  Args:
    encoded: [N, C], from `encode`, where C is N.
    most: below 1, which is the distance of rows with nothing in common.

  Returns:
    float32 [N, N], symmetric; pairs farther apart, and a row with itself, are
    not stored.
  """
  holders, found = encoded.tocsc(), []
  for start in range(0, encoded.shape[0], ROWS):
    shared = shared_weight(encoded[start : start + ROWS], holders).tocoo()
    distance = np.maximum(1 - shared.data / (2 - shared.data), LEAST)
    rows = shared.row + start
    kept = (distance <= most) & (rows != shared.col)
    found.append((distance[kept], rows[kept], shared.col[kept]))
  values, rows, columns = (np.concatenate(x) for x in zip(*found, strict=True))
  shape = 2 * (encoded.shape[0],)
  return sparse.csr_array((values, (rows, columns)), shape=shape)


def shared_weight(
  some: sparse.csr_array, holders: sparse.csc_array
) -> sparse.csr_array:
  """Sum over columns of the smaller weight: [n, C], [N, C] -> [n, N].

  With rows that sum to 1, the Jaccard distance is 1 - s / (2 - s).
  """
  counts = np.diff(holders.indptr)[some.indices]
  ends = np.cumsum(counts)
  # For each weight of `some`, the places of its column's weights in `holders`.
  first = holders.indptr[some.indices] - (ends - counts)
  places = np.arange(counts.sum()) + np.repeat(first, counts)
  smaller = np.minimum(np.repeat(some.data, counts), holders.data[places])
  rows = np.repeat(np.arange(some.shape[0]), np.diff(some.indptr))
  entries = smaller, (np.repeat(rows, counts), holders.indices[places])
  shape = some.shape[0], holders.shape[0]
  return sparse.coo_array(entries, shape=shape).tocsr()


def _members(nearest):
  """Members of each neighbourhood, [N, L], padded with -1.

  A neighbour is a member if it has the row among its own nearest. The smaller
  neighbourhood of such a member joins if more than two thirds of it are members
  already.
  """
  half = nearest[:, : round((nearest.shape[1] - 1) / 2) + 1]
  mutual, mutual_half = _is_mutual(nearest), _is_mutual(half)
  others, valid = half[nearest], mutual_half[nearest]  # [N, k, h]
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
  """bool [N, k]: the neighbour has the row among its own nearest."""
  own = np.arange(len(nearest))[:, None, None]
  return (nearest[nearest] == own).any(axis=2)


def _weights(members, plain, blocks):
  """Weights [N, L] that sum to 1, and each row's largest distance [N]."""
  weights = np.zeros(members.shape, np.float32)
  largest = np.empty(len(members), np.float32)
  for block in blocks:
    distance = plain(block)
    tiny = np.finfo(np.float32).tiny
    largest[block] = np.maximum(distance.max(axis=1), tiny)
    columns = np.maximum(members[block], 0)
    distance = np.take_along_axis(distance, columns, axis=1)
    weight = np.exp(-distance / largest[block, None])
    weight[members[block] < 0] = 0
    total = weight.sum(axis=1, keepdims=True)
    weights[block] = weight / np.where(total > 0, total, 1)
  return weights, largest


def _mean_of_rows(matrix, chosen):
  """Row i of the result is the mean of the rows chosen[i], float32."""
  count = chosen.shape[1]
  shares = np.full(chosen.size, 1 / count, np.float32)
  starts = np.arange(0, chosen.size + 1, count)
  pick = sparse.csr_array((shares, chosen.ravel(), starts), shape=matrix.shape)
  return (pick @ matrix).tocsr()
