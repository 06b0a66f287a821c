"""The heads of SelfGait and GaitSet, which pool a set of frames."""

import dataclasses

import jax

from selfgait_jax.models import layers, network
from selfgait_jax.models.batch_norm import BatchNorm


class SetNetwork(network.BYOLNetwork):
  """A linear map of each part, batch norm if wanted, and BYOL's heads.

  A subclass has the setting `embedding_dim` and calls `super().setup()`.

  Attributes:
    embedding_norm: end the embedding with a batch norm of each feature of each
      part, as Cluster-Contrast does (arXiv:2103.11568). Losses, BYOL's heads
      and evaluation then see the normalised embedding.
  """

  # Has a default because older checkpoints lack the setting.
  embedding_norm: bool = dataclasses.field(default=False, kw_only=True)

  merges_views = True

  @property
  def target_modules(self) -> tuple[str, ...]:
    modules = super().target_modules
    return (
      (*modules, 'last_norm') if modules and self.embedding_norm else modules
    )

  def setup(self):
    super().setup()
    self.part_linear = layers.PartLinear(self.embedding_dim)
    if self.embedding_norm:
      self.last_norm = BatchNorm(feature_axes=2)

  def embed(self, pooled: jax.Array, train: bool) -> jax.Array:
    """The embedding of each part: [B, P, C] -> [B, P, D]."""
    embedding = super().embed(pooled, train)
    if not self.embedding_norm:
      return embedding
    return self.last_norm(embedding, train)

  def heads(self, pooled: jax.Array, train: bool) -> dict[str, jax.Array]:
    """`embedding` and BYOL's outputs: [B, P, C] -> float32 [B, P, D]."""
    embedding = self.embed(pooled, train)
    return {'embedding': embedding, **self.project(embedding, train)}
