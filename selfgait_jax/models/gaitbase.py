"""GaitBase: a plain residual network for silhouettes, with a BNNeck."""

import jax
import jax.numpy as jnp

from selfgait_jax.models import layers, network, resnet


class GaitBase(network.BYOLNetwork):
  """ResNet-9, temporal maximum, horizontal pooling, a matrix a part, BNNeck.

  Fan et al., CVPR 2023 (arXiv:2211.06597); ShiqiYu/OpenGait, whose model is
  called Baseline.
  """

  widths: tuple[int, ...]
  layers: tuple[int, ...]
  bins: tuple[int, ...]
  embedding_dim: int
  classes: int
  projector_hidden: int
  projector_dim: int
  dtype: jnp.dtype
  remat: bool = False

  def setup(self):
    super().setup()
    self.encoder = resnet.ResNet9(
      self.widths, self.layers, self.dtype, remat=self.remat
    )
    self.part_linear = layers.PartLinear(self.embedding_dim)
    if self.classes:
      self.neck = layers.BNNeck(self.classes)

  def pool(
    self, clips: jax.Array, mask: jax.Array | None = None, train: bool = False
  ) -> jax.Array:
    """The residual trunk, its maximum over time cut into strips."""
    return resnet.pool(self.encoder, self.bins, clips, mask, train)

  def heads(self, pooled: jax.Array, train: bool) -> dict[str, jax.Array]:
    """`embedding` [B, P, D], with `classes` the cosines `logits`, BYOL's."""
    embedding = self.part_linear(pooled)
    outputs = {'embedding': embedding, **self.project(embedding, train)}
    if self.classes:
      _, outputs['logits'] = self.neck(embedding, train)
    return outputs
