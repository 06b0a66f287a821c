"""GaitBase: a plain residual network for silhouettes, with a BNNeck."""

import jax

from selfgait_jax.models import resnet


class GaitBase(resnet.ResidualNetwork):
  """ResNet-9, temporal maximum, horizontal pooling, part maps and a BNNeck.

  Fan et al., CVPR 2023 (arXiv:2211.06597); called Baseline in ShiqiYu/OpenGait.
  """

  def setup(self):
    super().setup()
    self.encoder = resnet.ResNet9(
      self.widths, self.layers, self.dtype, self.remat
    )

  def peak(
    self,
    clips: jax.Array,
    mask: jax.Array | None = None,
    train: bool = False,
    counted: jax.Array | None = None,
  ) -> jax.Array:
    """Maps of the trunk: clips [B, T, H, W] -> [B, H', W', C]."""
    return resnet.peak(self.encoder, clips, mask, train, counted)

  def parts(self, peak: jax.Array) -> jax.Array:
    """Strips of the maps, float32 [B, P, C]."""
    return resnet.parts(peak, self.bins)
