"""The frame network: six convolutions and the horizontal pyramid."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import layers


class SetEncoder(nn.Module):
  """Features of every frame by itself, as a set: order plays no part.

  GaitSet's frame trunk (arXiv:1811.06186) without its multilayer global
  pipeline, as SelfGait uses it (EchoItLiu/SelfGait, `SetNet`): pairs of
  bias-free convolutions, leaky ReLU, the map halved after the first two pairs.

  Attributes:
    widths: channels of the convolution pairs.
    bins: strips of each pyramid level.
    dtype: of the compute; parameters are float32.
  """

  widths: tuple[int, ...] = (32, 64, 128)
  bins: tuple[int, ...] = (1, 2, 4, 8, 16)
  dtype: jnp.dtype = jnp.float32

  @nn.compact
  def __call__(self, clips: jax.Array) -> jax.Array:
    """float [B, T, H, W] in [0, 1] -> [B, T, P, C]."""
    b, t, h, w = clips.shape
    x = clips.reshape(b * t, h, w, 1).astype(self.dtype)
    for pair, width in enumerate(self.widths):
      for half in range(2):
        size = 5 if pair == half == 0 else 3
        x = nn.Conv(
          width,
          (size, size),
          use_bias=False,
          dtype=self.dtype,
          kernel_init=nn.initializers.glorot_uniform(),
          name=f'conv{2 * pair + half + 1}',
        )(x)
        x = nn.leaky_relu(x, 0.01)
      if pair < len(self.widths) - 1:
        x = layers.halve(x)
    parts = layers.horizontal_pyramid(x, self.bins)  # [B * T, P, C]
    return parts.reshape(b, t, *parts.shape[1:])
