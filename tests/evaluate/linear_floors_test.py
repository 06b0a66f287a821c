"""Floors of gait energy images, on made-up people seen by several cameras."""

import numpy as np
import pytest

from selfgait_jax.discover import cameras, gei
from selfgait_jax.evaluate import linear_floors

FLOOR = gei.DEVIATION_FLOOR

PEOPLE, CAMERAS, WALKS, PIXELS = 24, ('000', '090', '180'), 3, 12


def people(seed=0):
  """(images [N, 1, D], subjects, views, walks); each camera has its own map."""
  rng = np.random.default_rng(seed)
  maps = rng.normal(size=(len(CAMERAS), 8, PIXELS))
  shapes = rng.normal(size=(PEOPLE, 1, 8))
  shapes = shapes + 0.2 * rng.normal(size=(PEOPLE, WALKS, 8))
  found = [
    (shapes[person, walk] @ maps[c] + 5 * c, person, camera, f'{person}/{walk}')
    for person in range(PEOPLE)
    for walk in range(WALKS)
    for c, camera in enumerate(CAMERAS)
  ]
  images, subjects, views, walks = zip(*found, strict=True)
  images = np.array(images, np.float32)[:, None]
  images += 0.3 * rng.normal(size=images.shape).astype(np.float32)
  return images, np.array(subjects), np.array(views), np.array(walks)


def rank1(embeddings, subjects, views):
  """Share of probes of one camera whose nearest image of another is a mate."""
  z, right = embeddings[:, 0], []
  for row in range(len(z)):
    others = np.flatnonzero(views != views[row])
    nearest = others[((z[others] - z[row]) ** 2).sum(axis=1).argmin()]
    right.append(subjects[nearest] == subjects[row])
  return np.mean(right)


def test_each_camera_gets_mean_0():
  images, _, views, _ = people()
  z = cameras.standardise(images, views, images, views, FLOOR)
  for view in CAMERAS:
    np.testing.assert_allclose(z[views == view].mean(axis=0), 0, atol=1e-4)
  # A camera without training images takes the statistics of all.
  other = cameras.standardise(
    images[:1], np.array(['045']), images, views, FLOOR
  )
  expected = images[:1] - images.mean(axis=0)
  expected /= images.std(axis=0) + FLOOR
  np.testing.assert_allclose(other, expected, rtol=1e-4)


def test_synchronised_walks_join_the_cameras():
  images, subjects, views, walks = people()
  train, test = subjects < 16, subjects >= 16
  z = cameras.standardise(images, views, images[train], views[train], FLOOR)
  fit = z[train], views[train], walks[train]
  mapped = linear_floors.multi_view_cca(z[test], views[test], *fit)
  np.testing.assert_allclose(np.linalg.norm(mapped, axis=-1), 1, rtol=1e-5)
  plain = rank1(z[test], subjects[test], views[test])
  joined = rank1(mapped, subjects[test], views[test])
  assert plain < 0.5 < 0.9 < joined
  # With walks mixed up there is nothing to join.
  mixed = np.random.default_rng(1).permutation(fit[2])
  wrong = linear_floors.multi_view_cca(z[test], views[test], *fit[:2], mixed)
  assert rank1(wrong, subjects[test], views[test]) < 0.6


@pytest.mark.parametrize('known', [['000'], ['000', '090']])
def test_no_space_without_training_images_of_every_camera(known):
  images, _, views, walks = people()
  seen = np.isin(views, known)
  assert (
    linear_floors.multi_view_cca(
      images, views, images[seen], views[seen], walks[seen]
    )
    is None
  )
