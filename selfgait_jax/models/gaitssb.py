"""GaitSSB: contrastive pretraining of GaitBase's trunk, and its fine-tuning."""

import dataclasses

import jax
import jax.numpy as jnp

from selfgait_jax.models import heads, layers, network, resnet


class GaitSSB(network.Network):
  """ResNet-9, horizontal pyramid, a projector and one of two heads.

  Fan et al., TPAMI 2023 (DOI 10.1109/TPAMI.2023.3312419); ShiqiYu/OpenGait.
  `head` 'predictor' gives the network of pretraining, 'linear' the one of
  fine-tuning.
  """

  widths: tuple[int, ...]
  layers: tuple[int, ...]
  bins: tuple[int, ...]
  embedding_dim: int
  head: str
  dtype: jnp.dtype
  # Has a default because older checkpoints lack the setting.
  remat: bool = dataclasses.field(default=False, kw_only=True)

  # The embedding uses every module, the predictor included.
  label_free_modules = ()

  @property
  def learns_without_labels(self) -> bool:
    return self.head == 'predictor'

  def setup(self):
    self.encoder = resnet.ResNet9(
      self.widths, self.layers, self.dtype, self.remat
    )
    self.projector = heads.PartMLP(self.embedding_dim, norm_output=True)
    if self.head == 'predictor':
      self.predictor = heads.PartMLP(self.embedding_dim, norm_output=False)
    else:
      self.part_linear = layers.PartLinear(self.embedding_dim, unit=True)

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

  def heads(self, pooled: jax.Array, train: bool) -> dict[str, jax.Array]:
    """`projection`, `embedding` and, with a predictor, `prediction`.

    All float32 [B, P, D]. The embedding is the prediction scaled to unit
    length, or the linear head's output for the projection at unit length.
    """
    projection = self.projector(pooled, train)
    outputs = {'projection': projection}
    if self.head == 'predictor':
      outputs['prediction'] = self.predictor(projection, train)
      embedding = layers.unit_length(outputs['prediction'])
    else:
      embedding = self.part_linear(layers.unit_length(projection))
    return outputs | {'embedding': embedding}
