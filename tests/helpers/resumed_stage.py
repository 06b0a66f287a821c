"""Resumes a training stage from the checkpoint in its folder."""

import pathlib

import jax
import ml_collections
import optax

from selfgait_jax.configs import default
from selfgait_jax.machine import sharding
from selfgait_jax.models import factory
from selfgait_jax.run import checkpointing, manifests
from selfgait_jax.train import optimizer as optimizers
from selfgait_jax.train import state as states


def resume(
  section: dict, directory: pathlib.Path, **settings
) -> tuple[states.TrainState, optax.GradientTransformationExtraArgs]:
  """Returns (state, optimiser) as the training loop has them.

  Args:
    section: `config.model` of the network.
    directory: `WORKDIR/<stage>`.
    **settings: of the stage's section, where they differ from the default.
  """
  config = default.get_config()
  config.model = ml_collections.ConfigDict(section)
  stage = config[directory.name]
  stage.update(settings)
  model = factory.make_model(config.model)
  targets = model.target_modules if directory.name == 'pretrain' else ()
  optimizer = optimizers.make_optimizer(stage)
  like = jax.eval_shape(
    lambda v: states.create_state(v, optimizer, targets),
    factory.variable_shapes(model, 44),
  )
  manifest = manifests.make_manifest(config, directory.name)
  checkpoints = checkpointing.Checkpoints(directory, manifest, 1)
  try:
    mesh = sharding.make_mesh()
    return checkpoints.restore(like, sharding.replicated(mesh)), optimizer
  finally:
    checkpoints.close()
