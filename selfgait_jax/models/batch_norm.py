"""Batch normalisation with PyTorch's running statistics and a frame mask."""

import functools
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models.layers import at_least_float32, expand_mask


class BatchNorm(nn.Module):
  """Normalises over all axes except the feature axes, like PyTorch's BatchNorm.

  Differs from `nn.BatchNorm` in two ways: the running variance is updated with
  the unbiased variance, so that statistics can be exchanged with PyTorch, and
  masked entries do not count. Under `jit` the statistics are those of the
  global batch on any number of devices. Computes in float32 and returns the
  input's type.

  Attributes:
    feature_axes: how many of the last axes are features; 2 for [B, P, C], where
      each channel of each part has its own statistics.
    scale_init: initializer of the scale; OpenGait's is `around_one`.
    momentum: of the running statistics; 0.9 is PyTorch's 0.1.
    epsilon: added to the variance.
  """

  feature_axes: int = 1
  scale_init: Callable = nn.initializers.ones
  momentum: float = 0.9
  epsilon: float = 1e-5

  @nn.compact
  def __call__(
    self, x: jax.Array, train: bool, mask: jax.Array | None = None
  ) -> jax.Array:
    """Normalises by the batch (`train`) or by the running statistics.

    Args:
      x: [..., features].
      train: use the statistics of the batch, and update the running ones.
      mask: bool of the first axes of x; entries where it is False are left out
        of the statistics.
    """
    width = x.shape[-self.feature_axes :]
    scale = self.param('scale', self.scale_init, width)
    bias = self.param('bias', nn.initializers.zeros, width)
    mean_0, var_0 = nn.initializers.zeros, nn.initializers.ones
    running_mean = self.variable('batch_stats', 'mean', mean_0, None, width)
    running_var = self.variable('batch_stats', 'var', var_0, None, width)
    if not train:
      mean, var = running_mean.value, running_var.value
      return _affine(x, scale, bias, mean, var, self.epsilon)
    count = x.size // scale.size
    if mask is not None:
      count = mask.sum() * (count // mask.size)
      mask = expand_mask(mask, x.ndim)
    y, mean, var = _normalise(
      x, scale, bias, mask, count, running_mean.value, self.epsilon
    )
    if not self.is_initializing():
      unbiased = var * (count / jnp.maximum(count - 1, 1))
      keep = self.momentum
      running_mean.value = keep * running_mean.value + (1 - keep) * mean
      running_var.value = keep * running_var.value + (1 - keep) * unbiased
    return y


def around_one(
  key: jax.Array, shape: Sequence[int], dtype: jnp.dtype = jnp.float32
) -> jax.Array:
  """OpenGait's initial scale: normal with mean 1 and deviation 0.02."""
  return 1 + 0.02 * jax.random.normal(key, shape, dtype)


def _affine(x, scale, bias, mean, var, epsilon):
  x_float = at_least_float32(x)
  y = (x_float - mean) * (scale * jax.lax.rsqrt(var + epsilon)) + bias
  return y.astype(x.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(6,))
def _normalise(x, scale, bias, mask, count, near, epsilon):
  """(normalised x, mean, variance) by the `count` entries under `mask`.

  The gradient is written by hand to save memory: in bfloat16, autodiff would
  keep the maps in float32 for it. No gradient flows through the returned
  statistics. `near` is a guess of the mean, see `_moments`.
  """
  mean, var = _moments(at_least_float32(x), mask, count, near)
  return _affine(x, scale, bias, mean, var, epsilon), mean, var


def _normalise_forward(x, scale, bias, mask, count, near, epsilon):
  y, mean, var = _normalise(x, scale, bias, mask, count, near, epsilon)
  return (y, mean, var), (x, scale, mask, count, mean, var)


def _normalise_backward(epsilon, residuals, slopes):
  x, scale, mask, count, mean, var = residuals
  slope = at_least_float32(slopes[0])
  axes = tuple(range(x.ndim - scale.ndim))
  inverse = jax.lax.rsqrt(var + epsilon)
  unit = (at_least_float32(x) - mean) * inverse
  # Masked entries are normalised too, so their slopes reach the statistics.
  of_bias, of_scale = slope.sum(axes), (slope * unit).sum(axes)
  shared = (of_bias + unit * of_scale) / count
  if mask is not None:
    shared = jnp.where(mask, shared, 0)
  of_x = (scale * inverse * (slope - shared)).astype(x.dtype)
  return (
    of_x,
    of_scale.astype(scale.dtype),
    of_bias.astype(scale.dtype),
    None,
    None,
    None,
  )


_normalise.defvjp(_normalise_forward, _normalise_backward)


def _moments(x, mask, count, near):
  """(mean, variance) over all axes except those of `near`, the running mean.

  For maps (three axes or more) the sums of x - near and of its square are taken
  in one pass over memory and one message between devices. Subtracting `near`
  first keeps the difference of squares accurate. Embeddings may lie close
  together but far from a young running mean, so they take two passes: their
  variance is computed around their own mean.
  """
  axes = tuple(range(x.ndim - near.ndim))
  if len(axes) < 3:
    return jnp.mean(x, axes, where=mask), jnp.var(x, axes, where=mask)
  offset = x - near
  first = jnp.sum(offset, axes, where=mask) / count
  second = jnp.sum(offset * offset, axes, where=mask) / count
  return near + first, jnp.maximum(second - first * first, 0)
