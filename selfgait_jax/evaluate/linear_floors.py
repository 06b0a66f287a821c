"""Floors made of gait energy images: no network, no label, seconds to compute.

A label-free network is worth what it adds to them. Two of them use the
training sequences, whose subjects they do not see.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from selfgait_jax.data import blind, datasets
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.discover import cameras, gei

# Name in `results.json`: title of the row.
TITLES = {
  'gei': 'GEI nearest neighbour',
  'gei_by_camera': 'GEI standardised by camera',
  'gei_cca': 'GEI with multi-view CCA (synchronised)',
}

COMPONENTS = 60  # principal components of a camera, and dimensions of the CCA
RIDGE = 0.3  # added to the covariance of whitened components, per walk


def embed_all(
  config,
  test: SequenceSet,
  load: Callable[[str], SequenceSet],
  sources: Mapping[str, str],
) -> Iterator[tuple[str, np.ndarray]]:
  """Yields (title, embeddings [N, 1, D]) of every floor that applies.

  The floors that use training sequences need cameras, the last one
  synchronised cameras. They are left out where only an imported checkpoint is
  evaluated, so that its training data need not be there.

  Args:
    config: the whole config.
    test: N sequences.
    load: returns the sequences of 'train'.
    sources: the checkpoints that are evaluated, by stage or 'init_from'.
  """
  images = gei.embed(test, config.eval.max_frames)
  yield TITLES['gei'], images
  facts = datasets.find(config.data.name)
  if 'init_from' in sources or not (facts and facts.camera_pattern):
    return
  train = load('train')
  views, seen_views = blind.cameras(test), blind.cameras(train)
  seen = gei.embed(train, config.eval.max_frames)
  images, seen = (
    cameras.standardise(x, of, seen, seen_views, gei.DEVIATION_FLOOR)
    for x, of in ((images, views), (seen, seen_views))
  )
  yield TITLES['gei_by_camera'], images
  if facts.synchronised:
    mapped = multi_view_cca(images, views, seen, seen_views, walks_of(train))
    if mapped is not None:
      yield TITLES['gei_cca'], mapped


def multi_view_cca(
  images: np.ndarray,
  views: np.ndarray,
  train_images: np.ndarray,
  train_views: np.ndarray,
  train_walks: np.ndarray,
) -> np.ndarray | None:
  """Maps the images of all cameras into one space by synchronised walks.

  MAXVAR generalised canonical correlation analysis (Kettenring, 1971): the
  space in which the images that different cameras took of one walk lie
  closest. Who walks is not used; which recordings show the same walk is.

  Args:
    images: [N, 1, D], of `cameras.standardise`.
    views: [N].
    train_images: [M, 1, D], of `cameras.standardise`, too.
    train_views: [M].
    train_walks: [M], an anonymous number or name of the walk.

  Returns:
    float32 [N, 1, K] of unit length; None if a camera of `views` has too few
    training sequences, or if fewer than two cameras saw the walks.
  """
  walks, walk_of = np.unique(train_walks, return_inverse=True)
  cameras = np.unique(train_views)
  if len(cameras) < 2 or not np.isin(views, cameras).all():
    return None
  fewest = min((train_views == camera).sum() for camera in cameras)
  size = min(COMPONENTS, fewest - 1, images.shape[-1])
  if size < 2:
    return None
  whiteners, solvers = {}, {}
  shared = np.zeros((len(walks), len(walks)))
  for camera in cameras:
    rows = train_views == camera
    whiteners[camera] = whiten = _whitener(train_images[rows, 0], size)
    seen = np.zeros((len(walks), size))  # zeros where the camera saw nothing
    seen[walk_of[rows]] = whiten(train_images[rows, 0])
    ridge = RIDGE * len(walks) * np.eye(size)
    solvers[camera] = np.linalg.solve(seen.T @ seen + ridge, seen.T)
    shared += seen @ solvers[camera]
  strengths, directions = np.linalg.eigh(shared)
  # The strongest directions; a direction counts as much as the cameras agree.
  target = (directions * strengths)[:, ::-1][:, :size]
  out = np.empty((len(images), 1, size), np.float32)
  for camera in np.unique(views):
    rows = views == camera
    mapped = whiteners[camera](images[rows, 0]) @ (solvers[camera] @ target)
    norm = np.linalg.norm(mapped, axis=1, keepdims=True)
    out[rows, 0] = mapped / np.maximum(norm, 1e-12)
  return out


def walks_of(sequences: SequenceSet) -> np.ndarray:
  """[N]: the same name for the recordings of one walk by several cameras."""
  return np.char.add(np.char.add(sequences.subjects, '/'), sequences.conditions)


def _whitener(images, size):
  """A function to `size` whitened principal components of [M, D]."""
  mean = images.mean(axis=0)
  # By the smaller of the two Gram matrices: M is far below D.
  _, scale, axes = np.linalg.svd(images - mean, full_matrices=False)
  scale = np.maximum(scale[:size], 1e-6 * scale[0])
  matrix = axes[:size].T / scale * np.sqrt(len(images))
  return lambda images: (images - mean) @ matrix
