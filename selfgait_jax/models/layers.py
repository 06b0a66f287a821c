"""Layers that every gait network here shares: convolution, pooling, norm."""

import functools
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models.conv.frame_conv import FrameConv

# The negative slope of every leaky ReLU of the field.
SLOPE = 0.01


class ConvPair(nn.Module):
  """Two convolutions, leaky ReLU after each: [N, H, W, C] -> [N, H, W, D].

  GaitSet's unit (arXiv:1811.06186); `first_size` 5 where it sees the pixels.
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


def fold(clips: jax.Array) -> jax.Array:
  """Frames as a batch of their own: [B, T, ...] -> [B * T, ...]."""
  return clips.reshape(-1, *clips.shape[2:])


def unfold(frames: jax.Array, batch: int) -> jax.Array:
  """The way back: [B * T, ...] -> [B, T, ...]."""
  return frames.reshape(batch, -1, *frames.shape[1:])


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
  """Maximum over valid frames: [B, T, ...], bool [B, T] -> [B, ...].

  In pairs, as fast as `max` on CPU. The gradient of `max` asks which values
  equal it; before another maximum, XLA's CPU compiler found other values when
  it computed them again (at its optimisation level 0), and the gradient was
  wrong or NaN. A pair's larger one is found whatever the rounding.
  """
  x = blank(features, mask, -jnp.inf)
  while (count := x.shape[1]) > 1:
    half = count // 2
    larger = jnp.maximum(x[:, :half], x[:, half : 2 * half])
    x = jnp.concatenate([larger, x[:, 2 * half :]], 1)
  return x[:, 0]


def blank(x: jax.Array, mask: jax.Array | None, value: float = 0) -> jax.Array:
  """`x` with `value` where the mask, which has its first axes, is False."""
  return x if mask is None else jnp.where(_wide(mask, x.ndim), x, value)


def accurate(x: jax.Array) -> jax.Array:
  """`x` in float32, or float64 where it is: what follows the trunk is kept."""
  return x.astype(jnp.promote_types(x.dtype, jnp.float32))


class PartLinear(nn.Module):
  """One matrix a part, no bias: [B, P, C] -> float32 [B, P, D].

  Attributes:
    features: D.
    unit: every column of the matrices is used at length 1.
  """

  features: int
  unit: bool = False

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    shape = (x.shape[1], x.shape[2], self.features)
    kernel = self.param('kernel', _part_xavier, shape)
    if self.unit:
      kernel = unit_length(kernel, axis=1)
    return jnp.einsum('bpc,pcd->bpd', accurate(x), kernel)


class BatchNorm(nn.Module):
  """Normalisation over all axes but the features', as PyTorch's BatchNorm.

  Under `jit` the statistics are those of the global batch, on any number of
  devices. Differs from `nn.BatchNorm` in the running variance, which is fed the
  unbiased variance so that statistics carry over from and to PyTorch, and in
  `mask`. Computes in float32 and returns the type that came in.

  Attributes:
    feature_axes: how many of the last axes are features: 2 for [B, P, C],
      where each channel of each part has statistics of its own.
    scale_init: of the scale; OpenGait draws it around 1 (`around_one`).
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
    """`mask`: bool of the first axes of x; what is False does not count."""
    width = x.shape[-self.feature_axes :]
    scale = self.param('scale', self.scale_init, width)
    bias = self.param('bias', nn.initializers.zeros, width)
    mean_0, var_0 = nn.initializers.zeros, nn.initializers.ones
    running_mean = self.variable('batch_stats', 'mean', mean_0, None, width)
    running_var = self.variable('batch_stats', 'var', var_0, None, width)
    if train:
      count = x.size // scale.size
      if mask is not None:
        count = mask.sum() * (count // mask.size)
        mask = _wide(mask, x.ndim)
      y, mean, var = _normalise(
        x, scale, bias, mask, count, running_mean.value, self.epsilon
      )
      if not self.is_initializing():
        unbiased = var * (count / jnp.maximum(count - 1, 1))
        keep = self.momentum
        running_mean.value = keep * running_mean.value + (1 - keep) * mean
        running_var.value = keep * running_var.value + (1 - keep) * unbiased
      return y
    mean, var = running_mean.value, running_var.value
    return _affine(x, scale, bias, mean, var, self.epsilon)


def _affine(x, scale, bias, mean, var, epsilon):
  y = (accurate(x) - mean) * (scale * jax.lax.rsqrt(var + epsilon)) + bias
  return y.astype(x.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(6,))
def _normalise(x, scale, bias, where, count, near, epsilon):
  """(x by the statistics of its `count` entries under `where`, mean, variance).

  `near` is a guess at the mean, see `_moments`. No gradient comes through the
  statistics that are returned. Those of the rest are written out: a step of
  GaitBase or DeepGaitV2 takes 2 to 3 % less time on CPU than with autodiff's,
  which passes over the maps more often.
  """
  mean, var = _moments(accurate(x), where, count, near)
  return _affine(x, scale, bias, mean, var, epsilon), mean, var


def _normalise_forward(x, scale, bias, where, count, near, epsilon):
  y, mean, var = _normalise(x, scale, bias, where, count, near, epsilon)
  return (y, mean, var), (x, scale, where, count, mean, var)


def _normalise_backward(epsilon, residuals, slopes):
  x, scale, where, count, mean, var = residuals
  slope = accurate(slopes[0])
  axes = tuple(range(x.ndim - scale.ndim))
  inverse = jax.lax.rsqrt(var + epsilon)
  unit = (accurate(x) - mean) * inverse
  # What does not count is normalised too: its slope reaches the statistics.
  of_bias, of_scale = slope.sum(axes), (slope * unit).sum(axes)
  shared = (of_bias + unit * of_scale) / count
  if where is not None:
    shared = jnp.where(where, shared, 0)
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


def _moments(x, where, count, near):
  """(mean, variance) over all axes but those of `near`.

  Those of maps are summed around the running mean, both in one pass and in one
  message between devices: of the bytes of a GaitBase step on a GPU that is 6 %,
  of the messages of a DeepGaitV2 step a third. Embeddings, which may lie close
  together and far from a young running mean, take a pass for each.
  """
  axes = tuple(range(x.ndim - near.ndim))
  if len(axes) < 3:
    return jnp.mean(x, axes, where=where), jnp.var(x, axes, where=where)
  offset = x - near
  first = jnp.sum(offset, axes, where=where) / count
  second = jnp.sum(offset * offset, axes, where=where) / count
  return near + first, jnp.maximum(second - first * first, 0)


class BNNeck(nn.Module):
  """Batch norm and a cosine classifier for every part (OpenGait).

  Attributes:
    classes: K.
  """

  classes: int

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> tuple[jax.Array, jax.Array]:
    """[B, P, C] -> (unit feature [B, P, C], cosines [B, P, K]), float32."""
    x = BatchNorm(2, around_one, name='norm')(accurate(x), train)
    x = unit_length(x)
    return x, PartLinear(self.classes, unit=True, name='classify')(x)


def unit_length(x: jax.Array, axis: int = -1) -> jax.Array:
  """`x` at length 1 along `axis`; zero stays zero, slopes finite."""
  square = jnp.sum(x * x, axis, keepdims=True)
  # The inner `where` keeps the infinite slope at 0 out of the gradient.
  above = square > 0
  return x / jnp.where(above, jnp.sqrt(jnp.where(above, square, 1.0)), 1.0)


def around_one(key, shape, dtype=jnp.float32):
  """OpenGait's initial batch-norm scale: normal around 1, deviation 0.02."""
  return 1 + 0.02 * jax.random.normal(key, shape, dtype)


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


def _wide(mask, ndim):
  """[B, T] -> [B, T, 1, ...] of `ndim` axes."""
  return mask.reshape(mask.shape + (1,) * (ndim - mask.ndim))
