"""Active triplets: against brute force, in few passes, each device its rows."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import UNOPTIMISED

from selfgait_jax import losses
from selfgait_jax.machine import sharding

MARGIN = 2.0


def _brute_force(places, labels):
  """Loss, active triplets and gradient in float64 of samples on a line."""
  distance = np.abs(places[:, None] - places[None])
  same = labels[:, None] == labels[None]
  hinge = MARGIN + distance[:, :, None] - distance[:, None, :]
  active = (hinge > 0) & same[:, :, None] & ~same[:, None, :]
  weight = active.sum(axis=2) - active.sum(axis=1)  # of each distance
  slope = weight * np.sign(places[:, None] - places[None])
  gradient = slope.sum(axis=1) - slope.sum(axis=0)
  number = max(active.sum(), 1)
  return hinge[active].sum() / number, active.sum(), gradient / number


@pytest.mark.parametrize(
  'labels, most',
  [
    # Between one and seven samples of an identity, unordered.
    ([0, 3, 0, 1, 0, 2, 1, 0, 5, 3, 0, 2, 2, 0, 1, 0], 7),
    ([7] * 7 + [-1], None),
    (list(range(8)), 3),
  ],
)
def test_distances_that_tie_match_brute_force(labels, most):
  labels = np.array(labels)
  rng = np.random.default_rng(len(labels))
  # Whole numbers, so distances tie and hinges are 0 without rounding. Their
  # count is a power of two, so their mean is exact too.
  places = rng.integers(0, 8, len(labels)).astype(np.float64)
  value, active, gradient = _brute_force(places, labels)

  loss = lambda x, y: losses.triplet_loss(x, y, MARGIN, most=most)
  step = jax.jit(jax.value_and_grad(loss, has_aux=True))
  (found, metrics), slope = step(jnp.float32(places)[:, None, None], labels)
  np.testing.assert_allclose(found, value, rtol=1e-6)
  assert metrics['active_triplets'] == active > 0
  np.testing.assert_allclose(slope[:, 0, 0], gradient, atol=1e-6)


def test_as_many_passes_as_the_largest_identity_has_samples(monkeypatch):
  passes = []

  def fori_loop(first, last, body, start):
    jax.debug.callback(lambda n: passes.append(int(n)), last - first)
    return start

  monkeypatch.setattr(jax.lax, 'fori_loop', fori_loop)
  labels = jnp.append(jnp.arange(20) // 2, jnp.array([4, 4]))
  jax.jit(losses.triplet_loss)(jnp.ones((22, 2, 3)), labels)
  jax.effects_barrier()
  assert passes == [4]


def test_a_device_keeps_its_rows_of_the_distances():
  mesh = sharding.make_mesh()
  split, samples, features = sharding.batch_sharded(mesh), 64, 4
  loss = lambda x, y: losses.triplet_loss(x, y)[0]
  step = jax.jit(jax.value_and_grad(loss), in_shardings=(split, split))
  program = step.lower(
    jax.ShapeDtypeStruct((samples, 2, features), jnp.float32),
    jax.ShapeDtypeStruct((samples,), jnp.int32),
  ).compile(compiler_options=UNOPTIMISED)
  messages = re.findall(
    r'(\S+) (?:all-|collective-|reduce-scatter).*op_name="(\S*)"',
    program.as_text(),
  )
  assert len(messages) > 3
  for shape, place in messages:
    assert f'{samples},{samples}' not in shape
    assert 'while' not in place
