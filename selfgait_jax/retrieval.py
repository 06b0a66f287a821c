"""Distances between embeddings, nearest neighbours and ranking scores.

Embeddings are [N, P, D] (sequences, parts, features). Of gallery sequences at
the same distance, the first in the gallery ranks first, as in a stable sort.
"""

import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from selfgait_jax import errors

METRICS = ('euclidean', 'flattened', 'cosine')
PROBE_BLOCK = 1024  # most probes in one step on the device
GALLERY_BLOCK = 4096  # most gallery sequences in one step on the device
FEW = 4  # up to so many probes are compared one by one, without padding to 64
HOST_BLOCK = 2**22  # most distances in a block of `host_blocks`, 16 MiB

Array = np.ndarray | jax.Array


def pairwise_distance(
  probes: Array, gallery: Array, metric: str = 'euclidean'
) -> np.ndarray:
  """Distance of every probe to every gallery sequence.

  Args:
    probes: [M, P, D], of any float type.
    gallery: [N, P, D].
    metric: 'euclidean', the mean over parts of the Euclidean distance
      (SelfGait, OpenGait's `euc`); 'flattened', one Euclidean distance over
      all P * D features (GaitSet); or 'cosine', one minus the mean over parts
      of the cosine (OpenGait's `cos`), where a zero vector has cosine 0.

  Returns:
    float32 [M, N], computed in blocks to bound the memory.

  Raises:
    UserError: the metric is unknown or the shapes do not match.
  """
  _check(probes, gallery, metric)
  distance = np.empty((len(probes), len(gallery)), np.float32)
  for rows, some_probes in _blocks(probes, PROBE_BLOCK, FEW):
    for columns, some_gallery in _blocks(gallery, GALLERY_BLOCK):
      block = np.asarray(_distance(some_probes, some_gallery, metric))
      height, width = rows.stop - rows.start, columns.stop - columns.start
      distance[rows, columns] = block[:height, :width]
  return distance


def nearest(
  probes: Array, gallery: Array, k: int, metric: str = 'euclidean'
) -> tuple[np.ndarray, np.ndarray]:
  """The k nearest gallery sequences of every probe.

  Works on blocks of probes and of the gallery, so memory grows with M * k and
  not with M * N. For the arguments see `pairwise_distance`.

  Returns:
    Distances, float32 [M, K], ascending, and gallery rows, int32 [M, K], where
    K is the smaller of `k` and N.

  Raises:
    UserError: the metric is unknown or the shapes do not match.
  """
  _check(probes, gallery, metric)
  k = min(k, len(gallery))
  distances = np.empty((len(probes), k), np.float32)
  indices = np.empty((len(probes), k), np.int32)
  for rows, some_probes in _blocks(probes, PROBE_BLOCK, FEW):
    best = jnp.full((len(some_probes), k), jnp.inf)
    index = jnp.full((len(some_probes), k), len(gallery), jnp.int32)
    for columns, some_gallery in _blocks(gallery, GALLERY_BLOCK):
      # Waits for the device, since queued blocks would fill its memory.
      jax.block_until_ready(best)
      best, index = _merge_nearest(
        best, index, some_probes, some_gallery, columns.start, columns.stop,
        metric,
      )  # fmt: skip
    height = rows.stop - rows.start
    distances[rows], indices[rows] = best[:height], index[:height]
  return distances, indices


def host_blocks(rows: int, columns: int) -> Iterator[slice]:
  """Slices of the rows whose distances to all columns fit `HOST_BLOCK`."""
  height = int(np.clip(HOST_BLOCK // max(columns, 1), 1, PROBE_BLOCK))
  for start in range(0, rows, height):
    yield slice(start, min(start + height, rows))


def mate_ranks(distance: np.ndarray, mates: np.ndarray) -> np.ndarray:
  """Ranks of every probe's mates in its gallery.

  Args:
    distance: [M, N]; infinity leaves a gallery sequence out.
    mates: bool [M, N], True for gallery sequences of the probe's subject.

  Returns:
    int32 [M, K], K >= 1: ranks from 1, ascending, padded with zeros.
  """
  # A rank is one plus the number of nearer sequences. A probe has few mates, so
  # counting is cheaper than sorting the gallery.
  mates = mates & np.isfinite(distance)
  count = mates.sum(axis=1)
  row, column = np.nonzero(mates)
  slot = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
  last = np.iinfo(np.int32).max
  ranks = np.full((len(mates), max(1, count.max(initial=0))), last, np.int32)
  order = np.arange(mates.shape[1])
  for k in range(count.max(initial=0)):
    at = slot == k
    others, own = distance[row[at]], distance[row[at], column[at]][:, None]
    in_front = (others < own) | (
      (others == own) & (order < column[at][:, None])
    )
    ranks[row[at], k] = 1 + in_front.sum(axis=1)
  ranks.sort(axis=1)
  ranks[ranks == last] = 0
  return ranks


def hits(ranks: np.ndarray, k: int) -> np.ndarray:
  """bool [M]: whether a mate is among the k nearest; False without a mate."""
  return (ranks[:, 0] > 0) & (ranks[:, 0] <= k)


def cumulative_match(ranks: np.ndarray, top: int = 20) -> np.ndarray:
  """The CMC curve, [top]: the share of probes with a hit within each rank."""
  return np.array([hits(ranks, k).mean() for k in range(1, top + 1)])


def average_precision(ranks: np.ndarray) -> np.ndarray:
  """[M]: mean of the precision at the ranks of a probe's mates.

  NaN for a probe without a mate.
  """
  present = ranks > 0
  hits_so_far = np.where(present, np.arange(1, ranks.shape[1] + 1), 0)
  precision = hits_so_far / np.maximum(ranks, 1)
  return _share(precision.sum(axis=1), present.sum(axis=1))


def inverse_negative_penalty(ranks: np.ndarray) -> np.ndarray:
  """[M]: number of mates divided by the rank of the last (mINP, 2001.04193).

  NaN for a probe without a mate.
  """
  return _share((ranks > 0).sum(axis=1), ranks.max(axis=1))


def _check(probes, gallery, metric):
  if metric not in METRICS:
    raise errors.UserError(
      f'expected a distance out of {", ".join(METRICS)}, found {metric!r}; '
      'change config.eval.distance'
    )
  if np.ndim(probes) != 3 or np.shape(probes)[1:] != np.shape(gallery)[1:]:
    raise errors.UserError(
      'expected probes [M, P, D] and a gallery [N, P, D], found '
      f'{np.shape(probes)} and {np.shape(gallery)}; embed both with one model'
    )


def _blocks(x, size: int, few: int = 0) -> Iterator[tuple[slice, jax.Array]]:
  """Yields slices of the rows, each with its block in float32.

  Blocks are padded to a multiple of 64 rows, or to a power of two if they have
  at most `few`, so that inputs of similar size share a compiled program.
  """
  xp = jnp if isinstance(x, jax.Array) else np
  for start in range(0, len(x), size):
    rows = slice(start, min(start + size, len(x)))
    whole = rows == slice(0, len(x))  # slicing on the device copies
    block = xp.asarray(x if whole else x[rows], np.float32)
    count = len(block)
    padding = -count % (1 << (count - 1).bit_length() if count <= few else 64)
    if padding:
      block = xp.pad(block, ((0, padding), (0, 0), (0, 0)))
    yield rows, jnp.asarray(block)


@functools.partial(jax.jit, static_argnames='metric')
def _distance(probes, gallery, metric: str) -> jax.Array:
  """[m, P, D], [n, P, D] -> float32 [m, n]."""
  if metric == 'flattened':
    probes, gallery = (x.reshape(len(x), 1, -1) for x in (probes, gallery))
  if len(probes) <= FEW:
    one = functools.partial(_distance_of_one, gallery=gallery, metric=metric)
    return jax.lax.map(one, probes)
  dot = functools.partial(jnp.einsum, 'md,nd->mn', precision='highest')
  if metric == 'cosine':
    flat = lambda x: _unit(x).reshape(len(x), -1)
    return 1 - dot(flat(probes), flat(gallery)) / probes.shape[1]
  # |x|^2 + |y|^2 - 2 xy loses digits when vectors are long and close together.
  # Distances do not depend on the origin, so it is moved to one of the vectors.
  origin = gallery[:1]
  probes, gallery = probes - origin, gallery - origin

  def add_part(total, part):
    x, y = part  # [m, D], [n, D]
    norms = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(y**2, axis=1)[None]
    return total + jnp.sqrt(jnp.maximum(norms - 2 * dot(x, y), 0)), None

  # Part by part, because all parts at once would need [P, m, n] in memory.
  total, _ = jax.lax.scan(
    add_part,
    jnp.zeros((len(probes), len(gallery))),
    (probes.swapaxes(0, 1), gallery.swapaxes(0, 1)),
  )
  return total / probes.shape[1]


def _distance_of_one(probe, gallery, metric):
  """[P, D], [n, P, D] -> [n], in one pass over the gallery.

  For few probes the products of `_distance` cost more than reading the gallery.
  """
  if metric != 'cosine':
    return jnp.sqrt(jnp.sum((gallery - probe) ** 2, axis=-1)).mean(axis=-1)
  products = jnp.sum(gallery * _unit(probe), axis=-1)
  norms = jnp.sqrt(jnp.sum(gallery**2, axis=-1))
  return 1 - (products / jnp.where(norms > 0, norms, 1)).mean(axis=-1)


def _unit(x):
  """Scales each part to length 1; zero vectors stay zero."""
  norm = jnp.linalg.norm(x, axis=-1, keepdims=True)
  return x / jnp.where(norm > 0, norm, 1)


@functools.partial(jax.jit, static_argnames='metric')
def _merge_nearest(best, index, probes, gallery, start, stop, metric):
  """The k nearest of `best` [m, k] and of gallery rows `start` to `stop`."""
  column = start + jnp.arange(len(gallery), dtype=jnp.int32)[None]
  distance = _distance(probes, gallery, metric)
  distance = jnp.where(column < stop, distance, jnp.inf)
  # `top_k` prefers the first of equal values, so earlier rows come first.
  distance = jnp.concatenate([best, distance], axis=1)
  column = jnp.broadcast_to(column, (len(probes), len(gallery)))
  negative, at = jax.lax.top_k(-distance, best.shape[1])
  index = jnp.concatenate([index, column], axis=1)
  return -negative, jnp.take_along_axis(index, at, axis=1)


def _share(part, whole):
  """part / whole; NaN where the whole is zero."""
  return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
