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
    x = layers.fold(clips)[..., None].astype(self.dtype)
    last = len(self.widths) - 1
    for i, width in enumerate(self.widths):
      size = 5 if i == 0 else 3
      x = layers.ConvPair(width, self.dtype, size, name=f'block{i + 1}')(x)
      if i < last:
        x = layers.halve(x)
    return layers.unfold(layers.horizontal_pyramid(x, self.bins), len(clips))
