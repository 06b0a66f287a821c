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

  def pool(
    self, clips: jax.Array, mask: jax.Array | None = None, train: bool = False
  ) -> jax.Array:
    """Strips of the trunk's maximum over time: [B, T, H, W] -> [B, P, C]."""
    return resnet.pool(self.encoder, self.bins, clips, mask, train)
