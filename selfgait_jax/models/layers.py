"""Layers that every gait network here shares: pooling, part-wise maps, norm."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp


def halve(maps: jax.Array) -> jax.Array:
  """2 x 2 maximum with stride 2: [N, H, W, C] -> [N, H/2, W/2, C].

  Written with strided slices because the gradient of a windowed maximum is
  slow on CPU (8 times, for the first map of the set encoder).
  """
  rows = jnp.maximum(maps[:, ::2], maps[:, 1::2])
  return jnp.maximum(rows[:, :, ::2], rows[:, :, 1::2])


def horizontal_pyramid(maps: jax.Array, bins: Sequence[int]) -> jax.Array:
  """Mean plus maximum over horizontal strips: [N, H, W, C] -> [N, P, C].

  For each number in `bins` the map is cut into so many strips, top to bottom;
  parts follow the order of `bins` (Horizontal Pyramid Pooling; GaitSet,
  arXiv:1811.06186). Each level is pooled from the one with twice its strips.
  """
  n, h, w, c = maps.shape
  if h % max(bins):
    raise ValueError(f'{h} rows cannot be cut into {max(bins)} equal strips')
  strips = maps.reshape(n, max(bins), -1, w, c)
  # Rows first: the window is then contiguous in memory.
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


def temporal_max(features: jax.Array, mask: jax.Array | None) -> jax.Array:
  """Maximum over valid frames: [B, T, P, C], bool [B, T] -> [B, P, C]."""
  if mask is not None:
    features = jnp.where(mask[:, :, None, None], features, -jnp.inf)
  return features.max(1)


class PartLinear(nn.Module):
  """One matrix a part, no bias: [B, P, C] -> float32 [B, P, D]."""

  features: int

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    shape = (x.shape[1], x.shape[2], self.features)
    kernel = self.param('kernel', _part_xavier, shape)
    return jnp.einsum('bpc,pcd->bpd', x.astype(jnp.float32), kernel)


class BatchNorm(nn.Module):
  """Normalisation over all axes but the last, as PyTorch's BatchNorm.

  Under `jit` the statistics are those of the global batch, on any number of
  devices. Differs from `nn.BatchNorm` in one thing: the running variance is fed
  the unbiased variance, so that statistics carry over from and to PyTorch.
  Computes in float32 whatever comes in.
  """

  momentum: float = 0.9  # PyTorch's 0.1
  epsilon: float = 1e-5

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    width = x.shape[-1:]
    scale = self.param('scale', nn.initializers.ones, width)
    bias = self.param('bias', nn.initializers.zeros, width)
    mean_0, var_0 = nn.initializers.zeros, nn.initializers.ones
    running_mean = self.variable('batch_stats', 'mean', mean_0, None, width)
    running_var = self.variable('batch_stats', 'var', var_0, None, width)
    x = x.astype(jnp.float32)
    if train:
      axes = tuple(range(x.ndim - 1))
      mean, var = x.mean(axes), x.var(axes)
      if not self.is_initializing():
        count = x.size // x.shape[-1]
        unbiased = var * (count / max(count - 1, 1))
        keep = self.momentum
        running_mean.value = keep * running_mean.value + (1 - keep) * mean
        running_var.value = keep * running_var.value + (1 - keep) * unbiased
    else:
      mean, var = running_mean.value, running_var.value
    return (x - mean) * (scale * jax.lax.rsqrt(var + self.epsilon)) + bias


def torch_uniform(fan_in: int):
  """PyTorch's default for linear and convolution layers, biases included."""

  def init(key, shape, dtype=jnp.float32):
    bound = fan_in**-0.5
    return jax.random.uniform(key, shape, dtype, -bound, bound)

  return init


def _part_xavier(key, shape, dtype=jnp.float32):
  """Xavier uniform with the fans that PyTorch reads off a [P, C, D] tensor."""
  parts, inputs, outputs = shape
  bound = (6 / (inputs * outputs + parts * outputs)) ** 0.5
  return jax.random.uniform(key, shape, dtype, -bound, bound)
