"""GaitGL: short clips, a third of the frames, and the mean of a row."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import UNOPTIMISED, drawn, error

from selfgait_jax.models import gaitgl


@pytest.mark.parametrize('name', ('gaitgl', 'gaitgl_large'))
def test_short_clips_are_repeated(name):
  """GaitGL joins three frames: 1 comes as 3, 2 come as 4."""
  _, _, apply = drawn(name)
  clips = np.random.default_rng(0).random((5, 8, 64, 8), np.float32)
  mask = lambda frames: np.tile(np.arange(8) < frames, (5, 1))
  for frames, filled in ((1, 3), (2, 4)):
    short = apply(clips, mask(frames))['embedding']
    repeated = clips[:, np.arange(8) % frames]
    full = apply(repeated, mask(filled))['embedding']
    np.testing.assert_array_equal(short, full)


def test_every_third_frame_is_a_strided_convolution():
  x = np.random.default_rng(0).standard_normal((2, 8, 6, 4, 3), np.float32)
  ours = gaitgl.Thirds(jnp.float32)
  theirs = nn.Conv(3, (3, 1, 1), (3, 1, 1), padding='VALID', use_bias=False)
  variables = jax.jit(ours.init)(jax.random.key(0), x)
  found, expected = (
    jax.jit(m.apply, compiler_options=UNOPTIMISED)(variables, x)
    for m in (ours, theirs)
  )
  assert found.shape == expected.shape
  assert error(found, expected) < 1e-5


def test_mean_of_a_row_has_a_slope_where_the_row_is_dark():
  """The plain formula gives NaN there: 1e-6 ** 6.5 is 0 in float32."""
  rng = np.random.default_rng(0)
  maps = rng.normal(0, 1, (2, 4, 5, 3)).astype(np.float32)
  maps[:, 0] = -1
  power = np.float32([6.5])
  exact = np.maximum(maps.astype(np.float64), 1e-6)
  expected = (exact**6.5).mean(2) ** (1 / 6.5)
  found = gaitgl.generalised_mean(maps, power)
  np.testing.assert_allclose(found, expected, rtol=1e-5)
  loss = lambda maps, power: gaitgl.generalised_mean(maps, power).sum()
  slopes, bend = jax.jit(jax.grad(loss, (0, 1)))(maps, power)
  assert np.all(np.isfinite(slopes)) and np.all(np.isfinite(bend))
  lit = exact.max(2, keepdims=True) > 1e-6
  plain = np.where(
    lit & (maps > 1e-6), (exact / expected[:, :, None]) ** 5.5 / 5, 0
  )
  np.testing.assert_allclose(slopes, plain, rtol=1e-4, atol=1e-6)
  step = 1e-4
  ahead, behind = (
    ((exact**p).mean(2) ** (1 / p)).sum() for p in (6.5 + step, 6.5 - step)
  )
  np.testing.assert_allclose(bend, (ahead - behind) / (2 * step), rtol=1e-3)
