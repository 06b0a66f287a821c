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
