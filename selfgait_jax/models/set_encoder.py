"""GaitSet's frame network: pairs of convolutions and a horizontal pyramid."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import layers


class SetEncoder(nn.Module):
  """Strip features of each frame by itself; the order of frames is not used.

  The trunk of SelfGait (EchoItLiu/SelfGait, `SetNet`), which is GaitSet's
  (arXiv:1811.06186) without its global branch: pairs of convolutions without
  bias, each followed by a leaky ReLU; the map is halved after the first two
  pairs. With `halvings` it is GaitPart's trunk of focal convolutions.

  Attributes:
    widths: channels of the convolution pairs.
    bins: strips of each pyramid level.
    dtype: of the compute; parameters are float32.
    halvings: h for each pair, which processes 2**h horizontal strips
      separately; () if all pairs see the whole map.
  """

  widths: tuple[int, ...]
  bins: tuple[int, ...]
  dtype: jnp.dtype
  halvings: tuple[int, ...] = ()

  @nn.compact
  def __call__(self, clips: jax.Array) -> jax.Array:
    """float [B, T, H, W] in [0, 1] -> [B, T, P, C]."""
    x = layers.fold(clips)[..., None].astype(self.dtype)
    halvings = self.halvings or (0,) * len(self.widths)
    for i, (width, h) in enumerate(zip(self.widths, halvings, strict=True)):
      size, shape = 5 if i == 0 else 3, x.shape[:-1]
      # Strips become separate maps, so no convolution crosses their edges.
      x = x.reshape(-1, shape[1] // 2**h, *x.shape[2:])
      x = layers.ConvPair(width, self.dtype, size, name=f'block{i + 1}')(x)
      x = x.reshape(*shape, width)
      if i < _halvings(self.widths):
        x = layers.halve(x)
    parts = layers.horizontal_pyramid(x, self.bins)
    return layers.unfold(parts, clips.shape[0])


def map_divisor(widths: tuple[int, ...]) -> int:
  """The clip's rows (or columns) divided by those of `SetEncoder`'s map."""
  return 2 ** _halvings(widths)


def _halvings(widths):
  """How many pairs of convolutions are followed by a halving of the map."""
  return min(len(widths) - 1, 2)
