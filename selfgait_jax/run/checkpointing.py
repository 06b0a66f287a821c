"""Orbax checkpoints: what is saved, what is kept, and how it is found again.

A checkpoint holds three items. `variables` (params and batch_stats) and
`manifest` (model settings, crop, value range, source) are all that evaluation,
fine-tuning or an embedder needs; `training` holds the rest of the state.
Checkpoint n means that n updates were applied.
"""

import contextlib
import dataclasses
import pathlib
import sys

import jax
import ml_collections
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as policies

from selfgait_jax import errors
from selfgait_jax.machine import files, processes
from selfgait_jax.models import factory
from selfgait_jax.run import manifests


class Checkpoints:
  """The checkpoints of one stage, `directory` being `WORKDIR/<stage>`."""

  def __init__(self, directory: pathlib.Path, manifest: dict, keep: int):
    self.directory = pathlib.Path(directory).absolute() / 'checkpoints'
    self._manifest = manifest
    # Best by the probe besides the latest; without a probe just the latest.
    best = policies.BestN(
      get_metric_fn=lambda metrics: metrics['rank1'],
      n=1,
      keep_checkpoints_without_metrics=False,
    )
    kept = policies.AnyPreservationPolicy([policies.LatestN(keep), best])
    with _explained(self):
      self._manager = ocp.CheckpointManager(
        self.directory,
        options=ocp.CheckpointManagerOptions(
          preservation_policy=kept,
          save_decision_policy=policies.FixedIntervalPolicy(1),
          cleanup_tmp_directories=True,
          async_options=ocp.AsyncOptions(barrier_sync_fn=_meet_unless_failed),
        ),
      )

  def latest_step(self) -> int | None:
    """The newest complete checkpoint; half-written ones do not count."""
    return max(complete_steps(self.directory), default=None)

  def describe_latest(self) -> str:
    """Its folder, for a message, when nothing is being written any more."""
    with contextlib.suppress(Exception):  # what failed is not the latest
      self._manager.wait_until_finished()
    step = self.latest_step()
    return 'none yet' if step is None else str(self.directory / str(step))

  def save(self, state, rank1: float | None) -> None:
    """Starts to write `state`; returns before it is on disk."""
    step = int(state.step)
    if step in self._manager.all_steps():
      return
    self._check_room(state)
    variables, training = _split(state)
    items = ocp.args.Composite(
      variables=ocp.args.StandardSave(variables),
      training=ocp.args.StandardSave(training),
      manifest=ocp.args.JsonSave(self._manifest | {'step': step}),
    )
    metrics = None if rank1 is None else {'rank1': rank1}
    with _explained(self):
      self._manager.save(step, args=items, metrics=metrics)

  def wait(self) -> None:
    """Returns when everything begun is on disk."""
    with _explained(self):
      self._manager.wait_until_finished()
      self._manager.check_for_errors()

  def restore(self, like, sharding):
    """The newest state, laid out as `sharding` says."""
    step = processes.from_first(self.latest_step)
    variables, training = _split(_abstract(like, sharding))
    items = ocp.args.Composite(
      variables=ocp.args.StandardRestore(variables),
      training=ocp.args.StandardRestore(training),
    )
    manifest = self._manager.restore(
      step, args=ocp.args.Composite(manifest=ocp.args.JsonRestore())
    )['manifest']
    # Some settings change the network and not the shape of any tensor.
    ours = ml_collections.ConfigDict({'model': self._manifest['model']})
    manifests.check_model(manifest, ours, str(self.directory / str(step)))
    manifests.check_optimizer(manifest)
    try:
      found = self._manager.restore(step, args=items)
    except (ValueError, KeyError) as error:
      raise errors.UserError(
        f'expected {self.directory / str(step)} to be a checkpoint of this '
        f'config, found other tensors ({errors.first_line(error)}); choose '
        'another --workdir or go back to the config that wrote it'
      ) from error
    return dataclasses.replace(like, **found['variables'], **found['training'])

  def close(self) -> None:
    with _explained(self):
      self._manager.close()

  def _check_room(self, state):
    # Asked first: a disk that fills meanwhile makes Orbax's threads print.
    files.expect_room(
      self.directory,
      sum(x.nbytes for x in jax.tree.leaves(state)),
      'a checkpoint',
      'free space or change --workdir and run the same command again (last '
      f'complete checkpoint: {self.describe_latest()})',
    )


def load_variables(path: str, sharding=None) -> tuple[dict, dict]:
  """(variables, manifest) of a checkpoint, without its training state.

  `path` is a stage's folder, its `checkpoints` folder (the newest is taken) or
  one checkpoint; the manifest's `checkpoint` names the one that was read.
  Raises UserError if there is none or it is damaged.
  """
  step_dir, manifest = read_manifest(path)
  with ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as reader:
    try:
      config = ml_collections.ConfigDict(manifest['model'])
      model = factory.make_model(config)
      abstract = factory.variable_shapes(model, config.crop_width)
      sharding = sharding or jax.sharding.SingleDeviceSharding(
        jax.local_devices()[0]
      )
      variables = reader.restore(
        step_dir,
        ocp.args.Composite(
          variables=ocp.args.StandardRestore(_abstract(abstract, sharding))
        ),
      )['variables']
    except (OSError, ValueError, KeyError, TypeError) as error:
      raise _damaged(step_dir, error) from error
  return variables, manifest


def read_manifest(path: str) -> tuple[pathlib.Path, dict]:
  """(folder of the checkpoint, its manifest); path and errors as above."""
  find = lambda: str(_find(pathlib.Path(path).absolute()))
  step_dir = pathlib.Path(processes.from_first(find))
  with ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as reader:
    try:
      manifest = reader.restore(
        step_dir, ocp.args.Composite(manifest=ocp.args.JsonRestore())
      )['manifest']
    except (OSError, ValueError, KeyError, TypeError) as error:
      raise _damaged(step_dir, error) from error
  if manifest['format'] != manifests.FORMAT:
    raise errors.UserError(
      f'expected a checkpoint of format {manifests.FORMAT}, found format '
      f'{manifest["format"]} in {step_dir}; train or import it again'
    )
  return step_dir, manifest | {'checkpoint': str(step_dir)}


def _damaged(step_dir, error):
  return errors.UserError(
    f'expected a complete selfgait_jax checkpoint in {step_dir}, found '
    f'otherwise ({errors.first_line(error)}); choose another checkpoint'
  )


def _split(state):
  """(variables, training) of a TrainState, as dictionaries."""
  variables = {'params': state.params, 'batch_stats': state.batch_stats}
  names = ('step', 'target_params', 'target_batch_stats', 'opt_state')
  return variables, {name: getattr(state, name) for name in names}


def _abstract(tree, sharding):
  return jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), tree
  )


def complete_steps(directory: pathlib.Path) -> list[int]:
  """Steps of a folder's checkpoints; Orbax renames one when it is whole."""
  names = (p.name for p in directory.glob('[0-9]*'))
  return sorted(int(name) for name in names if name.isdigit())


def _find(path: pathlib.Path) -> pathlib.Path:
  """The folder of one checkpoint under `path`."""
  if (path / 'manifest').is_dir() and (path / 'variables').is_dir():
    return path
  for folder in (path / 'checkpoints', path):
    if steps := complete_steps(folder):
      return folder / str(steps[-1])
  raise errors.UserError(
    f'expected a checkpoint in {path}, found none; give a folder that holds '
    '`checkpoints/<step>`'
  )


def _meet_unless_failed(*, key: str, timeout_ms: int) -> None:
  """Orbax's barrier between processes, of which a failed write knows nothing.

  It stands in a `finally`: the one whose write failed would wait 20 minutes for
  the others, who wait for that write.
  """
  if error := sys.exc_info()[1]:
    raise error
  ocp.multihost.get_barrier_sync_fn()(key=key, timeout_ms=timeout_ms)


@contextlib.contextmanager
def _explained(checkpoints):
  """Turns a failed write (full disk, no permission) into one sentence."""
  try:
    yield
  except Exception as error:  # Orbax wraps the cause in types of its own.
    raise errors.UserError(
      f'expected to write a checkpoint to {checkpoints.directory}, found '
      f'{errors.first_line(error)}; free space or change --workdir and run the '
      f'same command again (last complete checkpoint: '
      f'{checkpoints.describe_latest()})'
    ) from error
