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

  def peak(
    self,
    clips: jax.Array,
    mask: jax.Array | None = None,
    train: bool = False,
    counted: jax.Array | None = None,
  ) -> list[jax.Array]:
    """Maps of the set branch at each depth, each [B, H, W, C]."""
    return self.encoder(clips, mask, counted)

  def parts(self, peak: list[jax.Array]) -> jax.Array:
    """Parts of the set branch, then parts of the global branch: [B, P, C]."""
    maps = [peak[-1], self.encoder.global_branch(peak)]
    maps = [layers.at_least_float32(x) for x in maps]
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

  def setup(self):
    for i, width in enumerate(self.widths, 1):
      size = 5 if i == 1 else 3
      setattr(self, f'set{i}', layers.ConvPair(width, self.dtype, size))
      if i > 1:
        setattr(self, f'global{i}', layers.ConvPair(width, self.dtype))

  def __call__(
    self,
    clips: jax.Array,
    mask: jax.Array | None,
    counted: jax.Array | None,
  ) -> list[jax.Array]:
    """The set branch: [B, T, H, W] -> its maximum over time at each depth."""
    x = layers.fold(clips)[..., None].astype(self.dtype)
    peaks = []
    for i in range(1, len(self.widths) + 1):
      x = self._shrink(getattr(self, f'set{i}')(x), i)
      maps = layers.unfold(x, clips.shape[0])
      peaks.append(layers.temporal_max(maps, mask, counted))
    return peaks

  def global_branch(self, peaks: list[jax.Array]) -> jax.Array:
    """The maxima of the set branch -> the map [B, H', W', C]."""
    total = peaks[0]
    for i, peak in enumerate(peaks[1:], 2):
      total = self._shrink(getattr(self, f'global{i}')(total), i) + peak
    return total

  def _shrink(self, maps, depth):
    return layers.halve(maps) if depth < len(self.widths) else maps
