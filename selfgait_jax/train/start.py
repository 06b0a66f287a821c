"""The state that a stage starts from or resumes from."""

import pathlib

import jax
from absl import logging

from selfgait_jax.machine import processes, sharding
from selfgait_jax.models import factory
from selfgait_jax.run import checkpointing, manifests, transfer
from selfgait_jax.train import state as states
from selfgait_jax.train.task import Task


def find_source(config, workdir: pathlib.Path, stage) -> str:
  """The checkpoint directory with the first weights of a stage.

  1. The folder of the stage that `stage.init` names, if it has run in this
     work folder or `config.init_from` is empty.
  2. Otherwise `config.init_from`. If that is empty too, '' stands for random
     initialisation from the seed.
  """
  earlier = workdir / stage.init
  if stage.init and (
    not config.init_from or processes.from_first(earlier.is_dir)
  ):
    return str(earlier)
  return config.init_from


def setting_of(source: str) -> str:
  """What the stage that wrote `source` knew; '' for labels or no source."""
  if not source:
    return ''
  manifest = processes.from_first(
    lambda: checkpointing.read_manifest(source)[1]
  )
  return manifest['source'].get('setting', '')


def load_state(
  task: Task,
  stage_name: str,
  source: str,
  checkpoints: checkpointing.Checkpoints,
  mesh,
) -> states.TrainState:
  """The newest saved state of the stage, or the state before its first step.

  Args:
    task: what the stage learns with.
    stage_name: for log messages.
    source: from `find_source`. Only the weights are loaded from it: the step is
      0, and the states of the optimizer and of the target network are new.
    checkpoints: of the stage.
    mesh: of all devices, which receive a copy each.

  Raises:
    UserError: the checkpoint in `source` is missing or of another network.
  """
  everywhere = sharding.replicated(mesh)
  variables = factory.init_variables(
    task.model, jax.random.key(task.config.seed), task.config.model.crop_width
  )
  if processes.from_first(checkpoints.latest_step) is not None:
    like = jax.eval_shape(task.first_state, variables)
    state = checkpoints.restore(like, everywhere)
    logging.info('%s: goes on after step %d', stage_name, int(state.step))
    return state
  if source:
    variables = _load_weights(task, stage_name, source, variables, everywhere)
  return sharding.replicate(task.first_state(variables), mesh)


def _load_weights(task, stage_name, source, fresh, everywhere):
  found, manifest = checkpointing.load_variables(source, everywhere)
  manifests.check_model(manifest, task.config, source, transfer.HEAD_SETTINGS)
  variables = transfer.start_from(found, fresh, manifest['checkpoint'])
  logging.info('%s: starts from %s', stage_name, manifest['checkpoint'])
  done, planned = manifest.get('step'), manifest['source'].get('steps')
  if planned and done < planned:
    logging.warning('this is only step %d of %d', done, planned)
  return variables
