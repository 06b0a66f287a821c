"""GaitBase: a plain residual network for silhouettes, with a BNNeck."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import layers, resnet


class GaitBase(nn.Module):
  """ResNet-9, temporal maximum, horizontal pooling, a matrix a part, BNNeck.

  Fan et al., CVPR 2023 (arXiv:2211.06597); ShiqiYu/OpenGait, whose model is
  called Baseline. Attributes are those of `config.model`.
  """

  target_modules = ()
  label_free_modules = ()

  widths: tuple[int, ...]
  layers: tuple[int, ...]
  bins: tuple[int, ...]
  embedding_dim: int
  classes: int
  dtype: jnp.dtype

  def setup(self):
    self.encoder = resnet.ResNet9(self.widths, self.layers, self.dtype)
    self.part_linear = layers.PartLinear(self.embedding_dim)
    if self.classes:
      self.neck = layers.BNNeck(self.classes)

  def __call__(
    self, clips: jax.Array, mask: jax.Array | None = None, train: bool = False
  ) -> dict[str, jax.Array]:
    """Outputs of clips float [B, T, H, W] in [0, 1].

    Args:
      clips: as above.
      mask: bool [B, T], the valid frames; None if all are.
      train: normalise with the statistics of the batch.

    Returns:
      float32 `pooled` [B, P, C], `embedding` [B, P, D] and, with `classes`,
      the cosines `logits` [B, P, K].
    """
    pooled = self.pool(clips, mask, train)
    outputs = {'pooled': pooled, 'embedding': self.part_linear(pooled)}
    if self.classes:
      _, outputs['logits'] = self.neck(outputs['embedding'], train)
    return outputs

  def pool(
    self, clips: jax.Array, mask: jax.Array | None = None, train: bool = False
  ) -> jax.Array:
    """`pooled` by itself."""
    return resnet.pool(self.encoder, self.bins, clips, mask, train)
