"""SelfGait: a set encoder with micro-motion, trained with BYOL."""

import jax
import jax.numpy as jnp

from selfgait_jax.models import layers, set_encoder, set_network, temporal


class SelfGait(set_network.SetNetwork):
  """Set encoder, micro-motion block, part-wise linear map and BYOL heads.

  Liu et al., ICASSP 2021 (arXiv:2103.14811); EchoItLiu/SelfGait.
  """

  widths: tuple[int, ...]
  bins: tuple[int, ...]
  embedding_dim: int
  use_motion: bool
  projector_hidden: int
  projector_dim: int
  dtype: jnp.dtype

  @property
  def map_divisor(self) -> int:
    return set_encoder.map_divisor(self.widths)

  def setup(self):
    super().setup()
    self.encoder = set_encoder.SetEncoder(self.widths, self.bins, self.dtype)
    if self.use_motion:
      self.motion = temporal.MicroMotion(dtype=self.dtype)

  @property
  def reach(self) -> int:
    return temporal.REACH if self.use_motion else 0

  def peak(
    self,
    clips: jax.Array,
    mask: jax.Array | None = None,
    train: bool = False,
    counted: jax.Array | None = None,
  ) -> jax.Array:
    """The online trunk: clips [B, T, H, W] -> float32 [B, P, C]."""
    features = self.encoder(clips)  # [B, T, P, C]
    if self.use_motion:
      features = self.motion(features, mask)
    return layers.temporal_max(features, mask, counted).astype(jnp.float32)

  def target_pool(self, clips: jax.Array) -> jax.Array:
    """The target's trunk has no motion block, as in the paper's figure."""
    return layers.temporal_max(self.encoder(clips), None)
