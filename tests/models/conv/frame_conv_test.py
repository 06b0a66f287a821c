"""Convolutions over rows and columns: values, and gradients on CPU."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import UNOPTIMISED

from selfgait_jax.machine import sharding
from selfgait_jax.models.conv import frame_conv
from selfgait_jax.models.conv.frame_conv import FrameConv, convolve

XAVIER = nn.initializers.glorot_uniform()


@pytest.mark.parametrize(
  'images, channels, size, strides, split',
  [
    (8, 4, 3, 1, True),  # on four devices, two images at a time; wide
    (8, 3, 3, 1, True),
    (4, 3, 3, 2, True),
    (3, 2, 5, 1, False),  # more devices than images
    (2, 1, 5, 2, False),
    (2, 3, 1, 2, False),
  ],
)
def test_gradients_are_autodiffs(
  images, channels, size, strides, split, monkeypatch
):
  """In float64, for maps with an odd and an even side."""
  monkeypatch.setattr(frame_conv, 'WIDE', 4)
  rng = np.random.default_rng(0)
  x = rng.standard_normal((images, 6, 5, channels))
  kernel = rng.standard_normal((size, size, channels, 4))
  weights = rng.standard_normal((images, *-(-np.array([6, 5]) // strides), 4))

  plain = functools.partial(_plain, strides=strides)
  with jax.enable_x64(True):
    if split:
      x = sharding.shard_batch(x, sharding.make_mesh())
    ours = _slopes(lambda x, k: convolve(x, k, strides), x, kernel, weights)
    expected = _slopes(plain, x, kernel, weights)
  for actual, wanted in zip(ours, expected, strict=True):
    assert actual.dtype == jnp.dtype('float64')
    np.testing.assert_allclose(actual, wanted, rtol=1e-12, atol=1e-12)


def test_wide_convolutions_round_little():
  """Values and gradients in float32 against float64."""
  rng = np.random.default_rng(0)
  x = rng.standard_normal((4, 9, 7, frame_conv.WIDE))
  kernel = rng.standard_normal((3, 3, frame_conv.WIDE, frame_conv.WIDE)) / 48
  slope = rng.standard_normal(x.shape)
  single = [a.astype(np.float32) for a in (x, kernel, slope)]
  assert frame_conv._is_wide(*single[:2], strides=1)
  with jax.enable_x64(True):
    exact = _slopes(_plain, x, kernel, slope)
  for found, wanted in zip(_slopes(convolve, *single), exact, strict=True):
    error = np.abs(np.asarray(found) - np.asarray(wanted)).max()
    assert 0 < error < 1e-5 * np.abs(wanted).max()


def test_half_precision_is_not_transformed():
  """Winograd's form would round too much in half precision."""
  half = jnp.zeros((2, 4, 4, 512), jnp.bfloat16)
  kernel = jnp.zeros((3, 3, 512, 512), jnp.bfloat16)
  assert not frame_conv._is_wide(half, kernel, strides=1)


def test_half_precision_is_summed_in_float32():
  """For many images, whose sum in bfloat16 would stop growing at 256."""
  x = jnp.ones((1001, 3, 3, 2), jnp.bfloat16)
  kernel = jnp.ones((3, 3, 2, 2), jnp.bfloat16)
  _, _, of_kernel = _slopes(convolve, x, kernel, jnp.ones_like(x))
  assert of_kernel.dtype == jnp.bfloat16
  middle = of_kernel[1, 1].astype(np.float32)
  np.testing.assert_allclose(middle, 9 * 1001, rtol=5e-3)


def test_parameters_are_those_of_linen():
  """Names, initial values and types; float32 for a compute in float64 too."""
  x = np.zeros((1, 4, 4, 3), np.float32)
  theirs = nn.Conv(4, (3, 3), use_bias=False, kernel_init=XAVIER)
  with jax.enable_x64(True):
    found, expected = (
      jax.jit(conv.init, compiler_options=UNOPTIMISED)(jax.random.key(0), x)
      for conv in (FrameConv(4, 3, jnp.float64), theirs)
    )
  assert {x.dtype for x in jax.tree.leaves(found)} == {jnp.dtype('float32')}
  jax.tree.map(np.testing.assert_array_equal, found, expected)


def _plain(x, kernel, strides=1):
  return jax.lax.conv_general_dilated(
    x,
    kernel,
    (strides, strides),
    [(len(kernel) // 2, len(kernel) // 2)] * 2,
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )


def _slopes(conv, x, kernel, weights):
  """(output, gradient of x, gradient of the kernel) of a weighted sum."""

  def run(x, kernel):
    y, slopes = jax.vjp(conv, x, kernel)
    return y, *slopes(jnp.asarray(weights))

  return jax.jit(run, compiler_options=UNOPTIMISED)(x, kernel)
