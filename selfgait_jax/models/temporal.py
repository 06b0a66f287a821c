"""The micro-motion block: what changes within a few frames, part by part."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import layers


class MicroMotion(nn.Module):
  """Templates of 3 and 5 frames, each weighted by its own attention.

  GaitPart's micro-motion template builder (CVPR 2020) with SelfGait's biased
  convolutions and one set of weights for each of the pyramid's parts
  (EchoItLiu/SelfGait, `MCM_NOTP`). Time is kept.

  Attributes:
    squeeze: channels are divided by it inside the attentions.
    dtype: of the compute; parameters are float32.
  """

  squeeze: int = 4
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """[B, T, P, C], bool [B, T] or None (all valid) -> [B, T, P, C].

    Frames outside the mask act exactly like the padding beyond either end of
    an unpadded sequence.
    """
    hidden = x.shape[-1] // self.squeeze
    valid = None if mask is None else mask[:, :, None, None]
    x = _blank(x.astype(self.dtype), valid, 0)
    out = 0
    for name, window, last in (('short', 3, 1), ('long', 5, 3)):
      gate = PartConv(hidden, 3, self.dtype, name=f'{name}_reduce')(x)
      gate = _blank(nn.relu(gate), valid, 0)
      gate = PartConv(x.shape[-1], last, self.dtype, name=f'{name}_expand')(
        gate
      )
      out += nn.sigmoid(gate) * _template(x, valid, window)
    return out


class PartConv(nn.Module):
  """Convolution over time, own weights a part: [B, T, P, C] -> [B, T, P, D]."""

  features: int
  window: int
  dtype: jnp.dtype

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    parts, inputs = x.shape[2:]
    init = layers.torch_uniform(self.window * inputs)
    shape = (parts, self.window, inputs, self.features)
    kernel = self.param('kernel', init, shape).astype(self.dtype)
    bias = self.param('bias', init, (parts, self.features)).astype(self.dtype)
    # Neighbouring frames side by side make the convolution one contraction.
    taps = jnp.stack(_neighbours(x, self.window, 0), 3)  # [B, T, P, K, C]
    return jnp.einsum('btpkc,pkcd->btpd', taps, kernel) + bias


def _template(x, valid, window):
  """Maximum plus mean over `window` frames; the mean counts the padding."""
  low = _neighbours(_blank(x, valid, -jnp.inf), window, -jnp.inf)
  peak = low[0]
  for frame in low[1:]:
    peak = jnp.maximum(peak, frame)
  # A padded frame with only padded neighbours has no maximum.
  return _blank(peak, valid, 0) + sum(_neighbours(x, window, 0)) / window


def _neighbours(x, window, fill):
  """`window` copies of x [B, T, ...] shifted in time, `fill` past the ends."""
  half = window // 2
  width = ((0, 0), (half, half)) + ((0, 0),) * (x.ndim - 2)
  padded = jnp.pad(x, width, constant_values=fill)
  return [padded[:, k : k + x.shape[1]] for k in range(window)]


def _blank(x, valid, value):
  """x with `value` where the frame is not valid."""
  return x if valid is None else jnp.where(valid, x, value)
