"""A convolution over rows and columns that is fast on CPU too."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

WIDE = 256  # channels on either side, from which matrices are faster on CPU


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
  frames = (_plain if x.shape[-1] == 1 else _wide)(frames, kernel, strides)
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
def _wide(x, kernel, strides):
  """`_plain`, in other ways on CPU: most of all the gradient of the kernel."""
  if strides == 1 and len(kernel) > 1 and min(kernel.shape[2:]) >= WIDE:
    return jax.lax.platform_dependent(
      x, kernel, cpu=_in_patches, default=lambda *xy: _plain(*xy, 1)
    )
  return _plain(x, kernel, strides)


def _forward(x, kernel, strides):
  return _wide(x, kernel, strides), (x, kernel)


def _backward(strides, residuals, slope):
  x, kernel = residuals
  if strides == 1:
    of_x = _wide(slope, kernel[::-1, ::-1].swapaxes(2, 3), 1)
  else:
    transpose = jax.linear_transpose(lambda x: _plain(x, kernel, strides), x)
    (of_x,) = transpose(slope)
  of_kernel = jax.lax.platform_dependent(
    x,
    slope,
    cpu=functools.partial(_in_products, size=len(kernel), strides=strides),
    default=lambda x, slope: jax.linear_transpose(
      lambda kernel: _plain(x, kernel, strides), kernel
    )(slope)[0],
  )
  return of_x, of_kernel


_wide.defvjp(_forward, _backward)


def _in_patches(x, kernel):
  """The convolution as products of matrices, a few images at a time.

  On two CPU devices of one core each, with 40 images of 16 x 11 a device, in
  0.82 of the time of XLA's convolution from 512 channels to 512, in 0.9 of it
  around 256; from 128 to 128 it is no gain.
  """
  size, _, channels, features = kernel.shape
  count, rows, columns, _ = x.shape
  x = _cut(x, _together(x))
  matrix = kernel.reshape(-1, features)

  def convolve_some(_, step):
    frames = _padded(jax.lax.dynamic_index_in_dim(x, step, 1, False), size)
    patches = jnp.concatenate(
      [
        frames[:, :, i : i + rows, j : j + columns]
        for i in range(size)
        for j in range(size)
      ],
      -1,
    )
    return None, jnp.einsum('gnhwc,cd->gnhwd', patches, matrix)

  _, found = jax.lax.scan(convolve_some, None, jnp.arange(x.shape[1]))
  return jnp.moveaxis(found, 0, 1).reshape(count, rows, columns, features)


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
