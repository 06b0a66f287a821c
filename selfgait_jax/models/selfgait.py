"""SelfGait: the online branch, the target branch and the gait embedding."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import heads, layers, set_encoder, temporal


class SelfGait(nn.Module):
  """Set encoder, micro-motion block, part-wise linear map and BYOL heads.

  Liu et al., ICASSP 2021 (arXiv:2103.14811); EchoItLiu/SelfGait. The same
  module serves both branches: `target_views` touches only `TARGET_MODULES`.
  Attributes are those of `config.model`.
  """

  # The modules that have a slowly moving copy; the motion block and the
  # predictor belong to the online branch alone.
  TARGET_MODULES = ('encoder', 'part_linear', 'projector')
  # The modules that the gait embedding does not pass through.
  LABEL_FREE_MODULES = ('projector', 'predictor')

  widths: tuple[int, ...] = (32, 64, 128)
  bins: tuple[int, ...] = (1, 2, 4, 8, 16)
  embedding_dim: int = 128
  use_motion: bool = True
  projector_hidden: int = 256
  projector_dim: int = 128
  dtype: jnp.dtype = jnp.float32

  def setup(self):
    head = (self.projector_hidden, self.projector_dim)
    self.encoder = set_encoder.SetEncoder(self.widths, self.bins, self.dtype)
    self.part_linear = layers.PartLinear(self.embedding_dim)
    self.projector = heads.MLPHead(*head)
    self.predictor = heads.MLPHead(*head)
    if self.use_motion:
      self.motion = temporal.MicroMotion(dtype=self.dtype)

  def __call__(
    self, clips: jax.Array, mask: jax.Array | None = None, train: bool = False
  ) -> dict[str, jax.Array]:
    """Every output of the online branch.

    Args:
      clips: float [B, T, H, W] in [0, 1].
      mask: bool [B, T], the valid frames; None if all are.
      train: normalise the heads with the statistics of the batch.

    Returns:
      float32 [B, P, .]: `pooled` (temporal maximum), `embedding` (what
      recognition uses), `projection` and `prediction`.
    """
    pooled = self.pool(clips, mask)  # [B, P, C]
    embedding = self.part_linear(pooled)  # [B, P, D]
    projection = self.projector(embedding, train)
    return {
      'pooled': pooled,
      'embedding': embedding,
      'projection': projection,
      'prediction': self.predictor(projection, train),
    }

  def online_views(self, clips: jax.Array) -> dict[str, jax.Array]:
    """Training outputs of several views: [B, V, T, H, W] -> [B, V, P, .].

    The branch runs once over all views; the heads run view after view, each
    with its own batch statistics.
    """
    embedding = self.part_linear(self.pool(_merge(clips)))
    embedding = embedding.reshape(*clips.shape[:2], *embedding.shape[1:])
    projections, predictions = [], []
    for view in range(clips.shape[1]):
      projections.append(self.projector(embedding[:, view], True))
      predictions.append(self.predictor(projections[-1], True))
    return {
      'embedding': embedding,
      'projection': jnp.stack(projections, 1),
      'prediction': jnp.stack(predictions, 1),
    }

  def target_views(self, clips: jax.Array) -> jax.Array:
    """The target's projections: [B, V, T, H, W] -> [B, V, P, D].

    No motion block, as in the paper's figure; batch statistics, as in BYOL.
    """
    pooled = layers.temporal_max(self.encoder(_merge(clips)), None)
    embedding = self.part_linear(pooled)
    embedding = embedding.reshape(*clips.shape[:2], *embedding.shape[1:])
    views = range(clips.shape[1])
    return jnp.stack([self.projector(embedding[:, v], True) for v in views], 1)

  def pool(self, clips: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """The online branch up to the maximum over time: float32 [B, P, C]."""
    features = self.encoder(clips)  # [B, T, P, C]
    if self.use_motion:
      features = self.motion(features, mask)
    return layers.temporal_max(features, mask).astype(jnp.float32)


def _merge(clips):
  """[B, V, T, H, W] -> [B * V, T, H, W]; a sharded B stays where it is."""
  return clips.reshape(-1, *clips.shape[2:])
