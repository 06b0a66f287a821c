"""Parts that clothes change are found by putting clothes on."""

import numpy as np

from selfgait_jax.discover import free_parts


def test_changed_parts_are_left_out():
  rng = np.random.default_rng(0)
  plain = rng.normal(size=(40, 4, 8))
  dressed = plain + 0.1 * rng.normal(size=plain.shape)
  dressed[:, 2] += 2
  assert free_parts.find(plain, dressed).tolist() == [True, True, False, True]
  assert free_parts.find(plain, plain).all()


def test_parts_of_a_network_are_judged_by_their_rows():
  strips = np.zeros(16, bool)
  strips[[0, 1, 14, 15]] = True
  found = free_parts.of_network(strips, (1, 2, 8), 11)
  np.testing.assert_array_equal(np.flatnonzero(found), [3, 10])
  twice = free_parts.of_network(strips, (16, 1), 34)  # two branches
  expected = [0, 1, 14, 15, 17, 18, 31, 32]
  np.testing.assert_array_equal(np.flatnonzero(twice), expected)
  finer = free_parts.of_network(strips, (32,), 32)
  assert finer[:4].all() and finer.sum() == 8


def test_other_networks_use_all_parts():
  strips = np.arange(16) < 4
  assert free_parts.of_network(strips, (), 5).all()
  assert free_parts.of_network(strips, (4, 2), 7).all()
  assert free_parts.of_network(strips & False, (4,), 4).all()
