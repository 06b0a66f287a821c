"""Groups single sequences by person: communities in a graph of neighbours.

Nothing says which sequences belong together. Two sequences are linked if each
is among the nearest of the other: inside a camera, and between cameras that see
alike. Such links are right in nine of ten cases, but short; people appear as
communities of them.
"""

import itertools
from collections.abc import Iterator

import numpy as np
from scipy import sparse
from sklearn import metrics
from sknetwork import clustering

from selfgait_jax import retrieval
from selfgait_jax.data import draws

RESOLUTIONS = (1.0, 1.5, 2.0, 3.0, 4.0)  # higher: more, smaller communities
PAIRS, KEPT = 3, 0.7  # of the random parts of the links, for `stability`
# Of 10 random parts of the links, those whose communities must hold both ends
# of a link, at the coarsest resolution.
PARTS, TOGETHER = 10, 0.8
# A resolution that is less stable by so much is as good, and the finest of them
# mixes the fewest people.
SLACK = 0.05
INSIDE = 3  # nearest sequences of the same camera, by either kind of parts
ACROSS = 2  # nearest sequences of another camera, by all parts
ACROSS_FREE = 1  # the same by the parts that clothing leaves alone
# Two cameras see alike if so many of their sequences are each other's nearest.
LEAST_MUTUAL = 0.3


def link(
  embeddings: np.ndarray, free: np.ndarray, cameras: np.ndarray
) -> sparse.csr_array:
  """Links sequences that are among each other's nearest.

  Args:
    embeddings: [N, P, D], comparable within a camera and between cameras.
    free: [N, Q, D], the parts of them that clothing leaves alone.
    cameras: [N].

  Returns:
    Symmetric [N, N], 1 for a link.
  """
  rows_of = [np.flatnonzero(cameras == name) for name in np.unique(cameras)]
  found = []
  for rows in rows_of:
    for parts in (embeddings, free):
      found.append(_mutual(parts, rows, rows, INSIDE))
  for some, others in itertools.combinations(rows_of, 2):
    nearest = _mutual(embeddings, some, others, 1)
    fewer = min(len(some), len(others))
    if len(nearest[0]) < LEAST_MUTUAL * fewer:
      continue
    found.append(_mutual(embeddings, some, others, ACROSS))
    found.append(_mutual(free, some, others, ACROSS_FREE))
  first, second = (np.concatenate(ends) for ends in zip(*found, strict=True))
  ends = np.concatenate([first, second]), np.concatenate([second, first])
  shape = 2 * (len(cameras),)
  graph = sparse.csr_array((np.ones(len(ends[0])), ends), shape=shape)
  graph.data[:] = 1  # several kinds of links between two sequences are one
  return graph


def settle(graph: sparse.csr_array) -> sparse.csr_array:
  """Drops the links that tie two people together by chance.

  Such a link is one of few between two communities. It joins them or not,
  depending on which other links there are, so it is found by communities of
  random parts of the links (consensus clustering, Lancichinetti and Fortunato,
  2012).

  Args:
    graph: from `link`.
  """
  upper = sparse.triu(graph, 1).tocoo()
  rng, together = draws.generator('settle'), np.zeros(upper.nnz)
  for _ in range(PARTS):
    part = _thinned(upper, rng.random(upper.nnz) < KEPT)
    groups = _louvain(part, RESOLUTIONS[0])
    together += groups[upper.row] == groups[upper.col]
  return _thinned(upper, together >= TOGETHER * PARTS)


def communities(
  graph: sparse.csr_array,
) -> Iterator[tuple[float, np.ndarray]]:
  """Yields (resolution, group of each sequence) for rising resolutions.

  The groups are int [N], -1 for a sequence without a link, found by the Louvain
  method (Blondel et al., 2008, arXiv:0803.0476). The Leiden method of the same
  library gives other groups each time it runs.
  """
  for resolution in RESOLUTIONS:
    yield resolution, _louvain(graph, resolution)


def stability(graph: sparse.csr_array) -> dict[float, float]:
  """How well the communities survive the loss of links, for each resolution.

  The mean adjusted Rand index between communities of two random parts of the
  links, each of which keeps `KEPT` of them.
  """
  upper = sparse.triu(graph, 1).tocoo()
  rng, found = draws.generator('stability'), {r: [] for r in RESOLUTIONS}
  for _ in range(PAIRS):
    halves = [_thinned(upper, rng.random(upper.nnz) < KEPT) for _ in range(2)]
    for resolution in RESOLUTIONS:
      groups = [_louvain(half, resolution) for half in halves]
      index = metrics.adjusted_rand_score(*groups)
      found[resolution].append(index)
  return {resolution: float(np.mean(x)) for resolution, x in found.items()}


def _louvain(graph, resolution):
  if not graph.nnz:
    return np.full(graph.shape[0], -1)
  method = clustering.Louvain(resolution=resolution, random_state=0)
  groups = method.fit_predict(sparse.csr_matrix(graph))
  alone = np.diff(graph.indptr) == 0
  return np.where(alone, -1, groups)


def _thinned(upper, kept):
  """The symmetric graph of the links that are kept."""
  rows, columns = upper.row[kept], upper.col[kept]
  ends = np.concatenate([rows, columns]), np.concatenate([columns, rows])
  return sparse.csr_array((np.ones(len(ends[0])), ends), shape=upper.shape)


def _mutual(parts, some, others, k):
  """Pairs of rows that are among each other's k nearest, two int [L]."""
  forth = _nearest(parts, some, others, k)
  back = forth if some is others else _nearest(parts, others, some, k)
  pairs = forth.multiply(back.T).tocoo()
  return some[pairs.row], others[pairs.col]


def _nearest(parts, some, others, k):
  """bool [n, m]: the k nearest of `others` for each of `some`, but itself."""
  same = some is others
  _, index = retrieval.nearest(parts[some], parts[others], k + same)
  if same:
    own = index == np.arange(len(some))[:, None]
    own[:, -1] |= ~own.any(axis=1)  # equal sequences can push it out
    index = index[~own].reshape(len(some), -1)
  ends = np.repeat(np.arange(len(some)), index.shape[1]), index.ravel()
  entries = np.ones(index.size, bool), ends
  return sparse.csr_array(entries, shape=(len(some), len(others)))
