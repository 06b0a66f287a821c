"""The micro-motion block: what changes within a few frames, part by part."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import layers


class MicroMotion(nn.Module):
  """Templates of 3 and 5 frames, each weighted by its own attention.

  GaitPart's micro-motion template builder (CVPR 2020), one set of weights for
  each part. As it stands it is SelfGait's (EchoItLiu/SelfGait, `MCM_NOTP`); the
  last three attributes are what differs in GaitPart. Time is kept.

  Attributes:
    squeeze: channels are divided by it inside the attentions.
    dtype: of the compute; parameters are float32.
    use_bias: of the convolutions.
    activation: inside the attentions.
    kernel_init: of [P, K, C, D]; None is PyTorch's default.
  """

  squeeze: int = 4
  dtype: jnp.dtype = jnp.float32
  use_bias: bool = True
  activation: Callable = nn.relu
  kernel_init: Callable | None = None

  @nn.compact
  def __call__(self, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """[B, T, P, C], bool [B, T] or None (all valid) -> [B, T, P, C].

    Frames outside the mask act exactly like the padding beyond either end of
    an unpadded sequence.
    """
    hidden = x.shape[-1] // self.squeeze
    x = layers.blank(x.astype(self.dtype), mask)
    out = 0
    for name, window, last in (('short', 3, 1), ('long', 5, 3)):
      gate = self._conv(hidden, 3, f'{name}_reduce')(x)
      gate = layers.blank(self.activation(gate), mask)
      gate = self._conv(x.shape[-1], last, f'{name}_expand')(gate)
      out += nn.sigmoid(gate) * _template(x, mask, window)
    return out

  def _conv(self, features, window, name):
    return PartConv(
      features, window, self.dtype, self.use_bias, self.kernel_init, name=name
    )


class PartConv(nn.Module):
  """Convolution over time, own weights a part: [B, T, P, C] -> [B, T, P, D]."""

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
    # Neighbouring frames side by side make the convolution one contraction.
    taps = jnp.stack(_neighbours(x, self.window, 0), 3)  # [B, T, P, K, C]
    x = jnp.einsum('btpkc,pkcd->btpd', taps, kernel.astype(self.dtype))
    if self.use_bias:
      bias = self.param('bias', default, (parts, self.features))
      x = x + bias.astype(self.dtype)
    return x


def _template(x, mask, window):
  """Maximum plus mean over `window` frames; the mean counts the padding."""
  low = _neighbours(layers.blank(x, mask, -jnp.inf), window, -jnp.inf)
  peak = low[0]
  for frame in low[1:]:
    peak = jnp.maximum(peak, frame)
  # A padded frame with only padded neighbours has no maximum.
  return layers.blank(peak, mask) + sum(_neighbours(x, window, 0)) / window


def _neighbours(x, window, fill):
  """`window` copies of x [B, T, ...] shifted in time, `fill` past the ends."""
  half = window // 2
  width = ((0, 0), (half, half)) + ((0, 0),) * (x.ndim - 2)
  padded = jnp.pad(x, width, constant_values=fill)
  return [padded[:, k : k + x.shape[1]] for k in range(window)]
