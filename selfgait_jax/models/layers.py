"""Building blocks that the networks share: convolutions, pooling, part maps."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models.conv.frame_conv import FrameConv

SLOPE = 0.01  # negative slope of the leaky ReLUs, PyTorch's default


class ConvPair(nn.Module):
  """Two convolutions, each followed by a leaky ReLU (GaitSet, 1811.06186).

  [N, H, W, C] -> [N, H, W, D].

  Attributes:
    features: D.
    dtype: of the compute; parameters are float32.
    first_size: kernel size of the first convolution; 5 on the pixels.
  """

  features: int
  dtype: jnp.dtype
  first_size: int = 3

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    for name, size in (('conv1', self.first_size), ('conv2', 3)):
      x = FrameConv(self.features, size, self.dtype, name=name)(x)
      x = nn.leaky_relu(x, SLOPE)
    return x


class PartLinear(nn.Module):
  """One matrix for each part, no bias: [B, P, C] -> float32 [B, P, D].

  Attributes:
    features: D.
    unit: scale every column of the matrices to length 1.
  """

  features: int
  unit: bool = False

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    shape = (x.shape[1], x.shape[2], self.features)
    kernel = self.param('kernel', _part_xavier, shape)
    if self.unit:
      kernel = unit_length(kernel, axis=1)
    return jnp.einsum('bpc,pcd->bpd', at_least_float32(x), kernel)


def fold(clips: jax.Array) -> jax.Array:
  """Merges the batch and time axes: [B, T, ...] -> [B * T, ...]."""
  return clips.reshape(-1, *clips.shape[2:])


def unfold(frames: jax.Array, batch: int) -> jax.Array:
  """Inverse of `fold`: [B * T, ...] -> [B, T, ...]."""
  return frames.reshape(batch, -1, *frames.shape[1:])


def halve(maps: jax.Array) -> jax.Array:
  """2 x 2 max pooling with stride 2: [N, H, W, C] -> [N, H/2, W/2, C].

  Uses strided slices because the gradient of XLA's windowed maximum is slow on
  CPU.
  """
  rows = jnp.maximum(maps[:, ::2], maps[:, 1::2])
  return jnp.maximum(rows[:, :, ::2], rows[:, :, 1::2])


def horizontal_pyramid(maps: jax.Array, bins: Sequence[int]) -> jax.Array:
  """Mean plus maximum over horizontal strips: [N, H, W, C] -> [N, P, C].

  Horizontal Pyramid Pooling (GaitSet, arXiv:1811.06186): for each number in
  `bins` the map is cut into that number of strips. Parts are ordered like
  `bins`, and from top to bottom within a level. Each level is pooled from the
  one with twice as many strips, so `bins` must halve down from the largest.

  Raises:
    ValueError: the largest number does not divide H, or another is not a half,
      a quarter, ... of it.
  """
  n, h, w, c = maps.shape
  if h % max(bins):
    raise ValueError(f'{h} rows cannot be cut into {max(bins)} equal strips')
  strips = maps.reshape(n, max(bins), -1, w, c)
  mean, peak = strips.mean((2, 3)), strips.max((2, 3))
  levels = {}
  while True:
    count = mean.shape[1]
    if count in bins:
      levels[count] = mean + peak
    if len(levels) == len(set(bins)):
      return jnp.concatenate([levels[b] for b in bins], axis=1)
    if count % 2:
      raise ValueError(f'bins must halve down from {max(bins)}, found {bins}')
    mean = mean.reshape(n, count // 2, 2, c).mean(2)
    peak = peak.reshape(n, count // 2, 2, c).max(2)


def temporal_max(
  features: jax.Array,
  mask: jax.Array | None,
  counted: jax.Array | None = None,
) -> jax.Array:
  """Maximum over the valid frames: [B, T, ...], bool [B, T] -> [B, ...].

  `counted`, bool [B, T], replaces the mask if only some valid frames count.

  Compares pairs of frames until one is left instead of calling `max`. The
  gradient of `max` looks for the values that equal the maximum, and XLA's CPU
  compiler may recompute them with other rounding, which made gradients wrong or
  NaN. The gradient of a pair's maximum does not test for equality.

  An exported program, which takes any number of frames, calls `max`: it has no
  gradient.
  """
  x = fill_padding(features, mask if counted is None else counted, -jnp.inf)
  if jax.export.is_symbolic_dim(x.shape[1]):
    return x.max(1)
  while (count := x.shape[1]) > 1:
    half = count // 2
    larger = jnp.maximum(x[:, :half], x[:, half : 2 * half])
    x = jnp.concatenate([larger, x[:, 2 * half :]], 1)
  return x[:, 0]


def fill_padding(
  x: jax.Array, mask: jax.Array | None, value: float = 0
) -> jax.Array:
  """`x` with `value` where the mask (bool, of its first axes) is False."""
  if mask is None:
    return x
  # jax2onnx would take the type of a bare number into account.
  return jnp.where(expand_mask(mask, x.ndim), x, jnp.asarray(value, x.dtype))


def expand_mask(mask: jax.Array, ndim: int) -> jax.Array:
  """Adds trailing axes of size 1: [B, T] -> [B, T, 1, ...], `ndim` in all."""
  return mask.reshape(mask.shape + (1,) * (ndim - mask.ndim))


def at_least_float32(x: jax.Array) -> jax.Array:
  """Half precision as float32, float32 and float64 unchanged.

  Applied to the output of the trunk: only the trunk computes in half precision.
  """
  return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def unit_length(x: jax.Array, axis: int = -1) -> jax.Array:
  """`x` scaled to length 1 along `axis`; zeros stay zero, gradients finite."""
  square = jnp.sum(x * x, axis, keepdims=True)
  # The inner `where` keeps the infinite slope of the root at 0 out of the
  # gradient.
  above = square > 0
  return x / jnp.where(above, jnp.sqrt(jnp.where(above, square, 1.0)), 1.0)


def torch_uniform(fan_in: int) -> Callable:
  """PyTorch's default initializer of linear layers, convolutions and biases."""

  def init(key, shape, dtype=jnp.float32):
    bound = fan_in**-0.5
    return jax.random.uniform(key, shape, dtype, -bound, bound)

  return init


def _part_xavier(key, shape, dtype=jnp.float32):
  """Xavier uniform with the fans that PyTorch reads from a [P, C, D] tensor."""
  parts, inputs, outputs = shape
  bound = (6 / (inputs * outputs + parts * outputs)) ** 0.5
  return jax.random.uniform(key, shape, dtype, -bound, bound)
