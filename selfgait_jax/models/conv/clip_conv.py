"""Convolution over rows, columns and frames that ignores padded frames."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import layers
from selfgait_jax.models.conv import plain_form
from selfgait_jax.models.conv.frame_conv import convolve


class ClipConv(nn.Module):
  """3 x K x K convolution without bias; Xavier uniform initial values.

  Frames outside the mask act like the zeros that pad both ends in time.

  Computed as a sum of three frame convolutions, one for each neighbouring
  frame, because XLA's 3D convolution is slower on CPU. With K = 1 it is one 2D
  convolution on other platforms.

  Attributes:
    features: output channels, D.
    size: K, the kernel's size along rows and columns.
    dtype: of the compute; the kernel is float32.
    strides: along rows and columns.
  """

  features: int
  size: int
  dtype: jnp.dtype
  strides: int = 1

  @nn.compact
  def __call__(self, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """[B, T, ..., H, W, C], bool [B, T] or None -> [B, T, ..., H', W', D]."""
    shape = (3, self.size, self.size, x.shape[-1], self.features)
    kernel = self.param('kernel', nn.initializers.glorot_uniform(), shape)
    x = layers.fill_padding(x, mask).astype(self.dtype)
    kernel = kernel.astype(self.dtype)
    if self.size == self.strides == 1:
      along = _in_one if plain_form.is_wanted() else _along_frames
      return along(x, kernel)
    return _in_taps(x, kernel, self.strides)


@jax.custom_vjp
def _along_frames(x, kernel):
  """[B, T, ..., C], [3, 1, 1, C, D] -> [B, T, ..., D].

  Three products of matrices are faster on CPU. One convolution needs less
  memory traffic on a GPU, and sums half precision in float32.
  """
  return jax.lax.platform_dependent(x, kernel, cpu=_in_taps, default=_in_one)


def _forward(x, kernel):
  return _along_frames(x, kernel), (x, kernel)


def _backward(residuals, slope):
  gradients = lambda conv: lambda slope, *xy: jax.vjp(conv, *xy)[1](slope)
  return jax.lax.platform_dependent(
    slope, *residuals, cpu=gradients(_in_taps), default=gradients(_in_one)
  )


_along_frames.defvjp(_forward, _backward)


def _in_taps(x, kernel, strides=1):
  # Shifts the outputs, because the gradient would keep three shifted inputs.
  before, same, after = (convolve(x, tap, strides) for tap in kernel)
  return same + _moved(before, 1) + _moved(after, -1)


def _in_one(x, kernel):
  """A 2D convolution: frames become rows, the pixels of a frame columns."""
  y = jax.lax.conv_general_dilated(
    x.reshape(*x.shape[:2], -1, x.shape[-1]),
    kernel[:, 0],
    window_strides=(1, 1),
    padding=((1, 1), (0, 0)),
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )
  return y.reshape(*x.shape[:-1], -1)


def _moved(x, frames):
  """x [B, T, ...] shifted by `frames` (1 or -1) in time, filled with zeros."""
  kept = x[:, :-1] if frames > 0 else x[:, 1:]
  ends = (1, 0) if frames > 0 else (0, 1)
  return jnp.pad(kept, ((0, 0), ends) + ((0, 0),) * (x.ndim - 2))
