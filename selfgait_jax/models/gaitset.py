"""GaitSet: silhouettes as an unordered set, pooled at three depths."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import layers, set_network


class GaitSet(set_network.SetNetwork):
  """Set branch, global branch, horizontal pyramid and part maps.

  Chao et al., AAAI 2019 (arXiv:1811.06186); ShiqiYu/OpenGait.
  """

  widths: tuple[int, ...]
  bins: tuple[int, ...]
  embedding_dim: int
  projector_hidden: int
  projector_dim: int
  dtype: jnp.dtype

  @property
  def map_divisor(self) -> int:
    return 2 ** (len(self.widths) - 1)  # halved after every pair but the last

  def setup(self):
    super().setup()
    self.encoder = TwoBranches(self.widths, self.dtype)

  def pool(
    self, clips: jax.Array, mask: jax.Array | None = None, train: bool = False
  ) -> jax.Array:
    """Parts of the set branch, then parts of the global branch: [B, P, C]."""
    maps = [layers.at_least_float32(x) for x in self.encoder(clips, mask)]
    parts = [layers.horizontal_pyramid(x, self.bins) for x in maps]
    return jnp.concatenate(parts, axis=1)


class TwoBranches(nn.Module):
  """A branch of frames (set) and one of their maximum over time (global).

  The set branch is SelfGait's trunk. The global branch starts from the maximum
  over time after the first pair of convolutions, and adds the maximum after
  each later pair to its own map.

  Attributes:
    widths: channels of the convolution pairs.
    dtype: of the compute; parameters are float32.
  """

  widths: tuple[int, ...]
  dtype: jnp.dtype

  @nn.compact
  def __call__(
    self, clips: jax.Array, mask: jax.Array | None
  ) -> tuple[jax.Array, jax.Array]:
    """[B, T, H, W] -> (set, global) maps, each [B, H', W', C]."""
    x = layers.fold(clips)[..., None].astype(self.dtype)
    last = len(self.widths) - 1
    for i, width in enumerate(self.widths):
      shrink = layers.halve if i < last else lambda maps: maps
      size = 5 if i == 0 else 3
      block = layers.ConvPair(width, self.dtype, size, name=f'set{i + 1}')
      x = shrink(block(x))
      peak = layers.temporal_max(layers.unfold(x, clips.shape[0]), mask)
      if i == 0:
        total = peak
      else:
        block = layers.ConvPair(width, self.dtype, name=f'global{i + 1}')
        total = shrink(block(total)) + peak
    return peak, total
