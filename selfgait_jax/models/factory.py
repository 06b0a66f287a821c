"""The model that a config describes."""

import jax.numpy as jnp
import ml_collections

from selfgait_jax import errors
from selfgait_jax.models import selfgait


def make_model(config: ml_collections.ConfigDict) -> selfgait.SelfGait:
  """`config` is `config.model`, or the same section of a checkpoint."""
  if config.name != 'selfgait':
    raise errors.UserError(
      f'expected model.name to be selfgait, found {config.name!r}'
    )
  return selfgait.SelfGait(
    widths=tuple(config.widths),
    bins=tuple(config.bins),
    embedding_dim=config.embedding_dim,
    use_motion=config.use_motion,
    projector_hidden=config.projector_hidden,
    projector_dim=config.projector_dim,
    dtype=jnp.dtype(config.dtype),
  )
