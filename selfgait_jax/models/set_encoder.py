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
  With `halvings` it is GaitPart's trunk of focal convolutions (CVPR 2020).

  Attributes:
    widths: channels of the convolution pairs.
    bins: strips of each pyramid level.
    dtype: of the compute; parameters are float32.
    halvings: a pair sees 2**h horizontal strips apart from each other; of
      every pair, or () where all see the whole map.
  """

  widths: tuple[int, ...] = (32, 64, 128)
  bins: tuple[int, ...] = (1, 2, 4, 8, 16)
  dtype: jnp.dtype = jnp.float32
  halvings: tuple[int, ...] = ()

  @nn.compact
  def __call__(self, clips: jax.Array) -> jax.Array:
    """float [B, T, H, W] in [0, 1] -> [B, T, P, C]."""
    x = layers.fold(clips)[..., None].astype(self.dtype)
    last = len(self.widths) - 1
    halvings = self.halvings or (0,) * len(self.widths)
    for i, (width, h) in enumerate(zip(self.widths, halvings, strict=True)):
      size, shape = 5 if i == 0 else 3, x.shape[:-1]
      # Strips as maps of their own: neither convolution sees over the edge.
      x = x.reshape(-1, shape[1] // 2**h, *x.shape[2:])
      x = layers.ConvPair(width, self.dtype, size, name=f'block{i + 1}')(x)
      x = x.reshape(*shape, width)
      if i < min(last, 2):
        x = layers.halve(x)
    return layers.unfold(layers.horizontal_pyramid(x, self.bins), len(clips))
