"""A convolution over rows and columns that is fast on CPU too."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models.conv import winograd

WIDE = 256  # channels on either side, from which Winograd's form pays on CPU


class FrameConv(nn.Module):
  """K x K convolution without bias, Xavier uniform.

  Attributes:
    features: channels that come out.
    size: K.
    dtype: of the compute; the kernel is float32.
    strides: along rows and columns.
  """

  features: int
  size: int
  dtype: jnp.dtype
  strides: int = 1

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """[N, H, W, C] -> [N, H', W', D]."""
    shape = (self.size, self.size, x.shape[-1], self.features)
    init = nn.initializers.glorot_uniform()
    kernel = self.param('kernel', init, shape, jnp.float32)
    return convolve(
      x.astype(self.dtype), kernel.astype(self.dtype), self.strides
    )


def convolve(x: jax.Array, kernel: jax.Array, strides: int = 1) -> jax.Array:
  """[..., H, W, C], [K, K, C, D] -> [..., H', W', D].

  Padded by half the kernel's size on either side at any stride, as in PyTorch
  ('SAME' would pad a strided one on the far side only).
  """
  if kernel.shape[:2] == (1, 1):
    x, strides = x[..., ::strides, ::strides, :], 1
  frames = x.reshape(-1, *x.shape[-3:])
  # Of one channel XLA's own gradient is as fast or faster.
  frames = (_plain if x.shape[-1] == 1 else _tuned)(frames, kernel, strides)
  return frames.reshape(*x.shape[:-3], *frames.shape[1:])


def _plain(x, kernel, strides):
  half = len(kernel) // 2
  return jax.lax.conv_general_dilated(
    x,
    kernel,
    window_strides=(strides, strides),
    padding=[(half, half)] * 2,
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _tuned(x, kernel, strides):
  """`_plain`, in other ways on CPU: most of all the gradient of the kernel."""
  plain = functools.partial(_plain, strides=strides)
  on_cpu = winograd.convolve if _is_wide(x, kernel, strides) else plain
  return jax.lax.platform_dependent(x, kernel, cpu=on_cpu, default=plain)


def _forward(x, kernel, strides):
  return _tuned(x, kernel, strides), (x, kernel)


def _backward(strides, residuals, slope):
  x, kernel = residuals
  of_x = lambda slope, x, kernel: jax.linear_transpose(
    lambda x: _plain(x, kernel, strides), x
  )(slope)[0]
  of_kernel = lambda slope, x, kernel: jax.linear_transpose(
    lambda kernel: _plain(x, kernel, strides), kernel
  )(slope)[0]
  if _is_wide(x, kernel, strides):
    of_x_on_cpu = lambda slope, x, kernel: winograd.map_gradient(slope, kernel)
    of_kernel_on_cpu = lambda slope, x, kernel: winograd.kernel_gradient(
      x, slope, _groups(len(x))
    )
  else:
    of_x_on_cpu = of_x
    of_kernel_on_cpu = lambda slope, x, kernel: _in_products(
      x, slope, len(kernel), strides
    )
  choose = functools.partial(jax.lax.platform_dependent, slope, x, kernel)
  return (
    choose(cpu=of_x_on_cpu, default=of_x),
    choose(cpu=of_kernel_on_cpu, default=of_kernel),
  )


_tuned.defvjp(_forward, _backward)


def _is_wide(x, kernel, strides):
  """Whether Winograd's form is faster on CPU, and exact enough."""
  return (
    strides == 1
    and kernel.shape[:2] == (3, 3)
    and min(kernel.shape[2:]) >= WIDE
    and x.dtype.itemsize >= 4  # its sums cost too much of half precision
  )


def _in_products(x, slope, size, strides):
  """The gradient of the kernel: products of matrices, a few images at a time.

  On two CPU devices of one core each, with 40 images a device, in half of the
  time of XLA's convolution from 16 x 11 x 256 to 512, 512 to 512 and in those
  with stride 2, in 0.75 of it at 64 x 44 x 64 and 32 x 22 x 128. That one
  transposes both maps in memory first. A training step takes 0.73 of the time
  (GaitBase and DeepGaitV2) to 0.84 (GaitGL, SelfGait).
  """
  _, rows, columns, features = slope.shape
  each = _together(slope)
  # Each device sums over its own images, and the devices' sums meet once.
  x, slope = _cut(x, each), _cut(slope, each)
  window = lambda start, length: slice(
    start, start + strides * (length - 1) + 1, strides
  )

  def add(total, step):
    pick = lambda x: jax.lax.dynamic_index_in_dim(x, step, 1, keepdims=False)
    frames, slopes = _padded(pick(x), size), pick(slope)
    across = jnp.concatenate(
      [frames[:, :, :, window(i, columns)] for i in range(size)], -1
    )
    # The smaller matrix comes first: it is the one that is transposed.
    products = [
      jnp.einsum(
        'gnhwd,gnhwc->gdc',
        slopes,
        across[:, :, window(i, rows)],
        preferred_element_type=total.dtype,
      )
      for i in range(size)
    ]
    return total + jnp.stack(products, 2), None

  channels = x.shape[-1]
  total = jnp.zeros(
    (len(x), features, size, size * channels),
    jnp.promote_types(x.dtype, jnp.float32),
  )
  total, _ = jax.lax.scan(add, total, jnp.arange(x.shape[1]))
  total = total.sum(0).reshape(features, size, size, channels)
  return total.transpose(1, 2, 3, 0).astype(x.dtype)


def _cut(images, each):
  """[N, ...] -> [groups, N / groups / each, each, ...], a group a device."""
  groups = _groups(len(images))
  return images.reshape(groups, -1, each, *images.shape[1:])


def _together(images):
  """Images at a time: more do not stay in the cache."""
  count, rows, columns, _ = images.shape
  return 2 if rows * columns < 512 and count // _groups(count) % 2 == 0 else 1


def _groups(count):
  devices = jax.device_count()
  return devices if count % devices == 0 else 1


def _padded(images, size):
  """[groups, N, H, W, C] with zeros around H and W."""
  half = size // 2
  return jnp.pad(images, ((0, 0),) * 2 + ((half, half),) * 2 + ((0, 0),))
