"""Convolutions over frames too, against Linen's 3D convolution."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import UNOPTIMISED, error

from selfgait_jax.models.conv import clip_conv
from selfgait_jax.models.conv.clip_conv import ClipConv


@pytest.mark.parametrize(
  'size, strides, frames', [(3, 1, 5), (3, 2, 1), (1, 1, 2)]
)
def test_three_frame_convolutions_are_a_3d_convolution(size, strides, frames):
  x = np.random.default_rng(0).standard_normal((2, frames, 6, 4, 3), np.float32)
  ours = ClipConv(4, size, jnp.float32, strides)
  half = size // 2
  theirs = nn.Conv(
    4,
    (3, size, size),
    (1, strides, strides),
    padding=[(1, 1), (half, half), (half, half)],
    use_bias=False,
  )
  compiled = functools.partial(jax.jit, compiler_options=UNOPTIMISED)
  variables = compiled(ours.init)(jax.random.key(0), x)
  found, expected = (compiled(m.apply)(variables, x) for m in (ours, theirs))
  assert found.shape == expected.shape
  assert error(found, expected) < 1e-5
  bound = (6 / (3 * size**2 * (3 + 4))) ** 0.5
  largest = np.abs(variables['params']['kernel']).max()
  assert 0.8 * bound < largest <= bound


def test_along_frames_in_taps_and_in_one():
  """What a CPU runs and what the others do: values and both gradients."""
  rng = np.random.default_rng(0)
  x, slope = rng.standard_normal((2, 2, 5, 3, 4, 6))
  kernel = rng.standard_normal((3, 1, 1, 6, 6))
  with jax.enable_x64(True):
    found, expected = (
      (conv(x, kernel), *jax.vjp(conv, x, kernel)[1](jnp.asarray(slope)))
      for conv in (clip_conv._along_frames, clip_conv._in_one)
    )
  for ours, theirs in zip(found, expected, strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
