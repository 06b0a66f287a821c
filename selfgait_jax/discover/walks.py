"""Groups walks by person, where several cameras saw a walk at a time.

Two walks are compared camera by camera, never across cameras, and the
distances are averaged. So no change of view has to be bridged, and the rest of
the cameras outvote the errors of one.
"""

import functools
from collections.abc import Iterator

import numpy as np
from scipy import sparse
from sklearn import cluster

from selfgait_jax import reciprocal, retrieval

THRESHOLDS = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65)  # on the Jaccard distance
LARGEST_SHARE = 0.05  # of all walks, in one group; more is a chain of errors


def candidates(
  embeddings: np.ndarray,
  cameras: np.ndarray,
  walks: np.ndarray,
  neighbours: int,
  averaged: int,
) -> Iterator[tuple[float, np.ndarray]]:
  """Yields (threshold, group of each sequence) for rising thresholds.

  Two walks are linked if the Jaccard distance of their k-reciprocal
  neighbourhoods is below the threshold, and linked walks form a group (DBSCAN
  with two members at least).

  Args:
    embeddings: [N, P, D], comparable within a camera.
    cameras: [N].
    walks: [N], an anonymous name of the walk of each sequence.
    neighbours: k of the neighbourhoods; about as many as a person has walks.
    averaged: neighbourhoods are averaged over so many nearest walks.

  Yields:
    The groups as int [N], -1 for a walk that is like no other. Thresholds at
    which a group holds more than both four times `neighbours` and
    `LARGEST_SHARE` of the walks are left out.
  """
  names, walk_of = np.unique(walks, return_inverse=True)
  count = len(names)
  plain = functools.partial(
    _mean_distance, _by_camera(embeddings, cameras, walk_of, count), count
  )
  blocks = list(retrieval.host_blocks(count, count))
  k = min(neighbours, count - 1)
  nearest = np.concatenate([_nearest(plain(block), k + 1) for block in blocks])
  encoded, _ = reciprocal.encode(nearest, averaged, plain, blocks)
  distances = reciprocal.jaccard(encoded, THRESHOLDS[-1])
  for threshold in THRESHOLDS:
    groups = _dbscan(distances, threshold)
    largest = np.bincount(groups[groups >= 0], minlength=1).max()
    if largest <= max(4 * neighbours, LARGEST_SHARE * count):
      yield threshold, groups[walk_of]


def _by_camera(embeddings, cameras, walk_of, count):
  """For each camera: the row of every walk, -1 if unseen, and embeddings."""
  found = []
  for camera in np.unique(cameras):
    rows = np.flatnonzero(cameras == camera)
    place = np.full(count, -1)
    place[walk_of[rows]] = np.arange(len(rows))
    found.append((place, embeddings[rows]))
  return found


def _mean_distance(by_camera, count, block):
  """Distances of the walks of a block to all, over the cameras that saw both.

  Walks that no camera saw both of are as far apart as the farthest ones.
  """
  mine = np.arange(count)[block]
  total = np.zeros((len(mine), count), np.float32)
  cameras = np.zeros((len(mine), count), np.float32)
  for place, embeddings in by_camera:
    rows = np.flatnonzero(place[mine] >= 0)
    columns = np.flatnonzero(place >= 0)
    some, all_seen = embeddings[place[mine[rows]]], embeddings[place[columns]]
    cells = np.ix_(rows, columns)
    total[cells] += retrieval.pairwise_distance(some, all_seen)
    cameras[cells] += 1
  mean = total / np.maximum(cameras, 1)
  farthest = mean.max(axis=1, keepdims=True)
  mean = np.where(cameras > 0, mean, farthest)
  mean[np.arange(len(mine)), mine] = 0
  return mean


def _nearest(distances, k):
  return np.argsort(distances, axis=1, kind='stable')[:, :k]


def _dbscan(distances: sparse.csr_array, threshold):
  method = cluster.DBSCAN(threshold, min_samples=2, metric='precomputed')
  return method.fit_predict(sparse.csr_matrix(distances))
