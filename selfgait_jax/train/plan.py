"""Which stages a run trains, and whether the devices can share the batches."""

import pathlib

from selfgait_jax.machine import processes, sharding
from selfgait_jax.run import identity, step_folders


def batch_sizes(config) -> list[int]:
  """Clips in one pass of the network, for each training stage of the run."""
  parts = config.model.microbatches
  return [_batch(config[name]) // parts for name in _stages(config)]


def check_batches(config, workdir: pathlib.Path) -> None:
  """Raises UserError if the devices cannot share the batch of a stage.

  Checks all unfinished stages before the first one starts, because the last
  one may start hours later.
  """
  mesh = sharding.make_mesh()
  for name in _stages(config):
    if not is_finished(config, workdir, name):
      key = f'config.{name}.batch_subjects or batch_sequences'
      parts = config.model.microbatches
      sharding.check_batch(_batch(config[name]), mesh, key, parts)


def is_finished(config, workdir: pathlib.Path, stage_name: str) -> bool:
  """True if the work folder holds the stage's last checkpoint, complete."""
  last = workdir / stage_name / 'checkpoints' / str(config[stage_name].steps)
  return processes.from_first(lambda: not step_folders.missing(last))


def _stages(config):
  return [name for name in identity.STAGES if name in config.stages.split(',')]


def _batch(stage):
  return stage.batch_subjects * stage.batch_sequences
