"""The micro-motion block: short-term motion features of each part."""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import layers

REACH = 2  # frames on each side that a frame of `MicroMotion` depends on


class MicroMotion(nn.Module):
  """Sums templates of 3 and 5 frames, each weighted by its own attention.

  GaitPart's micro-motion template builder (CVPR 2020) with separate weights for
  each part, and without its final maximum over time. The defaults are
  SelfGait's (EchoItLiu/SelfGait, `MCM_NOTP`); GaitPart sets `use_bias`,
  `activation` and `kernel_init`.

  Attributes:
    dtype: of the compute; parameters are float32.
    squeeze: the attentions' hidden layers have 1/squeeze of the channels.
    use_bias: of the convolutions.
    activation: of the attentions' hidden layers.
    kernel_init: of the kernels [P, K, C, D]; None for PyTorch's default.
  """

  dtype: jnp.dtype
  squeeze: int = 4
  use_bias: bool = True
  activation: Callable = nn.relu
  kernel_init: Callable | None = None

  @nn.compact
  def __call__(self, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """[B, T, P, C], bool [B, T] or None (all valid) -> [B, T, P, C].

    Frames outside the mask act like the zeros that pad both ends in time.
    """
    hidden = x.shape[-1] // self.squeeze
    x = layers.fill_padding(x.astype(self.dtype), mask)
    out = 0
    for name, window, last in (('short', 3, 1), ('long', 5, 3)):
      gate = self._conv(hidden, 3, f'{name}_reduce')(x)
      gate = layers.fill_padding(self.activation(gate), mask)
      gate = self._conv(x.shape[-1], last, f'{name}_expand')(gate)
      out += nn.sigmoid(gate) * _template(x, mask, window)
    return out

  def _conv(self, features, window, name):
    return PartConv(
      features, window, self.dtype, self.use_bias, self.kernel_init, name=name
    )


class PartConv(nn.Module):
  """Convolution over time with separate weights for each part.

  [B, T, P, C] -> [B, T, P, D]; for the attributes see `MicroMotion`.
  """

  features: int
  window: int
  dtype: jnp.dtype
  use_bias: bool
  kernel_init: Callable | None

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    parts, inputs = x.shape[2:]
    default = layers.torch_uniform(self.window * inputs)
    shape = (parts, self.window, inputs, self.features)
    kernel = self.param('kernel', self.kernel_init or default, shape)
    # Stacking neighbouring frames turns the convolution into one einsum.
    taps = jnp.stack(_neighbours(x, self.window, 0), 3)  # [B, T, P, K, C]
    x = jnp.einsum('btpkc,pkcd->btpd', taps, kernel.astype(self.dtype))
    if self.use_bias:
      bias = self.param('bias', default, (parts, self.features))
      x = x + bias.astype(self.dtype)
    return x


def _template(x, mask, window):
  """Maximum plus mean over `window` frames; padding counts 0 in the mean."""
  low = _neighbours(layers.fill_padding(x, mask, -jnp.inf), window, -jnp.inf)
  peak = functools.reduce(jnp.maximum, low)
  mean = sum(_neighbours(x, window, 0)) / window
  # Padded frames get 0, since their maximum may be -inf.
  return layers.fill_padding(peak, mask) + mean


def _neighbours(x, window, fill):
  """`window` copies of x [B, T, ...] shifted in time, `fill` at the ends."""
  half = window // 2
  width = ((0, 0), (half, half)) + ((0, 0),) * (x.ndim - 2)
  padded = jnp.pad(x, width, constant_values=fill)
  return [padded[:, k : k + x.shape[1]] for k in range(window)]
