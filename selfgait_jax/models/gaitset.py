"""GaitSet: silhouettes as a set, pooled at three depths of the network."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import layers


class GaitSet(nn.Module):
  """Set branch, global branch, horizontal pyramid and a matrix a part.

  Chao et al., AAAI 2019 (arXiv:1811.06186); ShiqiYu/OpenGait. Attributes are
  those of `config.model`.
  """

  target_modules = ()
  label_free_modules = ()

  widths: tuple[int, ...]
  bins: tuple[int, ...]
  embedding_dim: int
  dtype: jnp.dtype

  def setup(self):
    self.encoder = TwoBranches(self.widths, self.dtype)
    self.part_linear = layers.PartLinear(self.embedding_dim)

  def __call__(
    self, clips: jax.Array, mask: jax.Array | None = None, train: bool = False
  ) -> dict[str, jax.Array]:
    """Outputs of clips float [B, T, H, W] in [0, 1], mask bool [B, T] or None.

    Returns:
      float32 `pooled` [B, P, C] and `embedding` [B, P, D]; first the parts of
      the set branch, then those of the global branch.
    """
    pooled = self.pool(clips, mask, train)
    return {'pooled': pooled, 'embedding': self.part_linear(pooled)}

  def pool(
    self, clips: jax.Array, mask: jax.Array | None = None, train: bool = False
  ) -> jax.Array:
    """`pooled` by itself; `train` makes no difference without batch norms."""
    maps = [layers.accurate(x) for x in self.encoder(clips, mask)]
    parts = [layers.horizontal_pyramid(x, self.bins) for x in maps]
    return jnp.concatenate(parts, axis=1)


class TwoBranches(nn.Module):
  """Set features of the frames, and of their maximum at every depth.

  The set branch is SelfGait's trunk. The global branch starts from the maximum
  over time after the first pair of convolutions and adds those that follow.

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
      peak = layers.temporal_max(layers.unfold(x, len(clips)), mask)
      if i == 0:
        total = peak
      else:
        block = layers.ConvPair(width, self.dtype, name=f'global{i + 1}')
        total = shrink(block(total)) + peak
    return peak, total
