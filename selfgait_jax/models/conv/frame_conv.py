"""Convolution over rows and columns with a gradient that is fast on CPU.

Other platforms use XLA's own convolution and gradient.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models.conv import plain_form, winograd

# With fewer input or output channels Winograd's form is not faster on CPU.
WIDE = 256


class FrameConv(nn.Module):
  """K x K convolution without bias; Xavier uniform initial values.

  Attributes:
    features: output channels, D.
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
  """Convolution of maps [..., H, W, C] and [K, K, C, D] -> [..., H', W', D].

  Pads both sides by half the kernel's size at any stride, like PyTorch. XLA's
  'SAME' would pad a strided convolution at the end only.
  """
  if kernel.shape[:2] == (1, 1):
    x, strides = x[..., ::strides, ::strides, :], 1
  frames = x.reshape(-1, *x.shape[-3:])
  # For one channel XLA's own gradient is as fast or faster.
  is_plain = x.shape[-1] == 1 or plain_form.is_wanted()
  frames = (_plain if is_plain else _tuned)(frames, kernel, strides)
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
  """`_plain`, with faster forms on CPU, mainly of the kernel's gradient."""
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
      x, slope, _groups(x.shape[0])
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
  """Whether Winograd's form is faster on CPU, and accurate enough."""
  return (
    strides == 1
    and kernel.shape[:2] == (3, 3)
    and min(kernel.shape[2:]) >= WIDE
    and x.dtype.itemsize >= 4  # its sums round too much in half precision
  )


def _in_products(x, slope, size, strides):
  """The kernel's gradient: products of matrices, a few images at a time.

  XLA's convolution for this gradient transposes both maps in memory first.
  Here the shifted columns of one or two images, which fit into the cache, are
  multiplied with the slopes, and the products are summed over the images.
  """
  _, rows, columns, features = slope.shape
  each = _images_at_once(slope)
  # Each device sums over its own images; these sums are added once at the end.
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
    # The smaller matrix comes first because XLA transposes the first.
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
  """[N, ...] -> [groups, steps, each, ...], with one group for each device."""
  groups = _groups(images.shape[0])
  return images.reshape(groups, -1, each, *images.shape[1:])


def _images_at_once(images):
  """How many images to process at a time: more would not stay in the cache."""
  count, rows, columns, _ = images.shape
  return 2 if rows * columns < 512 and count // _groups(count) % 2 == 0 else 1


def _groups(count):
  """In how many groups to sum: one for each device if they share equally."""
  devices = jax.device_count()
  return devices if count % devices == 0 else 1


def _padded(images, size):
  """Zeros around H and W of [groups, N, H, W, C]."""
  half = size // 2
  return jnp.pad(images, ((0, 0),) * 2 + ((half, half),) * 2 + ((0, 0),))
