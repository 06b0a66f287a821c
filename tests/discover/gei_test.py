"""Gait energy images and their strips."""

import numpy as np

from selfgait_jax.data import sequences
from selfgait_jax.discover import cameras, gei


def test_strips_go_from_head_to_feet_and_keep_the_middle():
  image = np.arange(64 * 64, dtype=np.float32).reshape(1, 1, -1)
  strips = gei.strips(image, 44)
  assert strips.shape == (1, 16, 4 * 44)
  np.testing.assert_array_equal(strips[0, 0, :3], [10, 11, 12])
  np.testing.assert_array_equal(strips[0, 15, -1:], [63 * 64 + 53])


def test_mean_of_the_first_frames():
  clip = np.zeros((3, 8, 8), np.uint8)
  clip[0] = 255
  found = sequences.from_records([('a', 'b', 'c', clip)], 'x')
  assert (gei.embed(found, 2) == 0.5).all()


def test_each_camera_gets_mean_0_and_deviation_1():
  rng = np.random.default_rng(0)
  z = rng.normal(size=(60, 2, 5)) * 3
  names = np.repeat(['000', '090'], 30)
  z[30:] += 7
  out = cameras.standardise(z, names, z, names, 0.0)
  for name in ('000', '090'):
    np.testing.assert_allclose(out[names == name].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(out[names == name].std(axis=0), 1, rtol=1e-4)
