"""Orbax checkpoints: what is saved, what is kept, and how it is read again.

A checkpoint holds four items. `variables` (params and batch_stats) and
`manifest` (model settings, crop, value range, source) are all that evaluation,
fine-tuning or an embedder needs; `training` holds the rest of the state;
`digests` detects damage. Checkpoint n means that n updates were applied.
"""

import contextlib
import pathlib
import sys
from typing import Any

import jax
import ml_collections
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as policies

from selfgait_jax import errors
from selfgait_jax.machine import files, processes
from selfgait_jax.models import factory
from selfgait_jax.run import (
  digests,
  manifests,
  model_folder,
  packaged,
  step_folders,
)

complete_steps = step_folders.complete_steps
_CHOOSE = 'choose another checkpoint'


class Checkpoints:
  """The checkpoints of one stage."""

  def __init__(self, directory: pathlib.Path, manifest: dict, keep: int):
    """Opens the folder, which is made if it is missing.

    Args:
      directory: `WORKDIR/<stage>`.
      manifest: of the checkpoints to be written.
      keep: how many of the newest to keep, besides the best one by the held-out
        check, if there is one.
    """
    self.directory = pathlib.Path(directory).absolute() / 'checkpoints'
    self._manifest = manifest
    best = policies.BestN(
      get_metric_fn=lambda metrics: metrics['rank1'],
      n=1,
      keep_checkpoints_without_metrics=False,
    )
    kept = policies.AnyPreservationPolicy([policies.LatestN(keep), best])
    with self._explained('open'):
      processes.from_first(lambda: step_folders.set_aside(self.directory))
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
    """Step of the newest complete checkpoint."""
    return max(complete_steps(self.directory), default=None)

  def describe_latest(self) -> str:
    """Its folder, for a message, once nothing is being written any more."""
    with contextlib.suppress(Exception):  # what failed is not the latest
      self._manager.wait_until_finished()
    step = self.latest_step()
    return 'none yet' if step is None else str(self.directory / str(step))

  def save(self, state: Any, rank1: float | None) -> None:
    """Starts to write a checkpoint; returns before it is on disk.

    Args:
      state: a `TrainState`, whole on every device.
      rank1: of the held-out check, if there was one.
    """
    step = int(state.step)
    if step in self._manager.all_steps():
      return
    files.expect_room(
      self.directory,  # a disk that fills later makes Orbax's threads print
      sum(x.nbytes for x in jax.tree.leaves(state)),
      'a checkpoint',
      'free space or change --workdir and run the same command again (last '
      f'complete checkpoint: {self.describe_latest()})',
    )
    variables, training = _split(state)
    manifest, found = self._manifest | {'step': step}, {}
    if processes.is_first():  # which alone writes JSON
      found = digests.of(manifest, variables=variables, training=training)
    items = ocp.args.Composite(
      variables=ocp.args.StandardSave(variables),
      training=ocp.args.StandardSave(training),
      manifest=ocp.args.JsonSave(manifest),
      digests=ocp.args.JsonSave(found),
    )
    metrics = None if rank1 is None else {'rank1': rank1}
    with self._explained('write a checkpoint to'):
      self._manager.save(step, args=items, metrics=metrics)

  def wait(self) -> None:
    """Returns when everything begun is on disk."""
    with self._explained('write a checkpoint to'):
      self._manager.wait_until_finished()
      self._manager.check_for_errors()

  def restore(self, like: Any, sharding: jax.sharding.Sharding) -> Any:
    """The newest state.

    What is saved from now on has the history of its manifest.

    Args:
      like: a `TrainState` of the same structure, shapes and types.
      sharding: of every tensor; whole on every device.

    Raises:
      UserError: it is of another config, or damaged.
    """
    step = processes.from_first(self.latest_step)
    folder = self.directory / str(step)
    remedy = 'move it away to continue from the one before, if there is one'
    manifest, written = _read_manifest(folder, remedy)
    # Some settings change the network and not the shape of any tensor.
    ours = ml_collections.ConfigDict({'model': self._manifest['model']})
    manifests.check_model(manifest, ours, str(folder))
    manifests.check_optimizer(manifest)
    variables, training = _split(_abstract(like, sharding))
    items = ocp.args.Composite(
      variables=ocp.args.StandardRestore(variables),
      training=ocp.args.StandardRestore(training),
    )
    try:
      found = self._manager.restore(step, args=items)
    except Exception as error:  # a damaged file can raise anything
      raise errors.UserError(
        f'expected {folder} to be a checkpoint of this config, found other '
        f'tensors or damaged ones ({errors.first_line(error)}); choose another '
        '--workdir, go back to the config that wrote it, or if it is damaged '
        + remedy
      ) from error
    _check_digests(folder, written, remedy, **found)
    self._manifest = manifests.with_history(self._manifest, manifest, step)
    return like.replace(**found['variables'], **found['training'])

  def close(self) -> None:
    with self._explained('write a checkpoint to'):
      self._manager.close()

  @contextlib.contextmanager
  def _explained(self, action):
    """Turns a failure (full disk, no permission) into one sentence."""
    try:
      yield
    except errors.UserError:
      raise
    except Exception as error:  # Orbax wraps the cause in types of its own
      raise errors.UserError(
        f'expected to {action} {self.directory}, found '
        f'{errors.first_line(error)}; free space or change --workdir and run '
        f'the same command again (last complete checkpoint: '
        f'{self.describe_latest()})'
      ) from error


def load_variables(
  path: str, sharding: jax.sharding.Sharding | None = None
) -> tuple[dict, dict]:
  """(variables, manifest) of a checkpoint, without its training state.

  Args:
    path: a stage's folder, its `checkpoints` folder (the newest is taken), one
      checkpoint, what `selfgait export --to=folder` wrote, or 'walkers', the
      weights that come with the package.
    sharding: of every tensor, whole on every device; by default the first
      device.

  Returns:
    The variables, and the manifest, whose `checkpoint` names the folder that
    was read.

  Raises:
    UserError: there is none, or it is damaged.
  """
  sharding = sharding or jax.sharding.SingleDeviceSharding(
    jax.local_devices()[0]
  )
  if model_folder.is_one(packaged.find(path)):
    variables, manifest = model_folder.read(packaged.find(path))
    return jax.device_put(variables, sharding), manifest
  folder, manifest, written = _find_manifest(path)
  with ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as reader:
    try:
      config = ml_collections.ConfigDict(manifest['model'])
      model = factory.make_model(config)
      abstract = factory.variable_shapes(model, config.crop_width)
      variables = reader.restore(
        folder,
        ocp.args.Composite(
          variables=ocp.args.StandardRestore(_abstract(abstract, sharding))
        ),
      )['variables']
    except Exception as error:  # a damaged file can raise anything
      raise _damaged(folder, errors.first_line(error)) from error
  _check_digests(folder, written, _CHOOSE, variables=variables)
  return variables, manifest


def read_manifest(path: str) -> tuple[pathlib.Path, dict]:
  """(folder of the checkpoint, its manifest); path and errors as above."""
  if model_folder.is_one(packaged.find(path)):
    manifest = model_folder.read_manifest(packaged.find(path))
    return pathlib.Path(manifest['checkpoint']), manifest
  return _find_manifest(path)[:2]


def _find_manifest(path):
  """(folder, manifest, digests) of the checkpoint in `path`."""
  find = lambda: str(step_folders.find(pathlib.Path(path).absolute()))
  folder = pathlib.Path(processes.from_first(find))
  manifest, written = _read_manifest(folder, _CHOOSE)
  return folder, manifest | {'checkpoint': str(folder)}, written


def _read_manifest(folder, remedy):
  """(manifest, digests or None) of a checkpoint, each of the right form."""
  names = ['manifest']
  if (folder / 'digests').exists():  # not in checkpoints of older versions
    names.append('digests')
  items = {name: ocp.args.JsonRestore() for name in names}
  with ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as reader:
    try:
      found = reader.restore(folder, ocp.args.Composite(**items))
      manifest, written = (found.get(n) for n in ('manifest', 'digests'))
      manifests.check_form(manifest)
    except Exception as error:  # a damaged file can raise anything
      raise _damaged(folder, errors.first_line(error), remedy) from error
  manifests.check_format(manifest, folder)
  if 'digests' in names and digests.manifest_differs(written, manifest):
    words = 'a manifest that is not the one that was written'
    raise _damaged(folder, words, remedy)
  return manifest, written


def _check_digests(folder, written, remedy, **items):
  """Raises UserError if a tensor is not the one that was written."""
  if written is None:
    return
  for item, tree in items.items():
    if names := digests.differing(written, item, tree):
      words = f'{len(names)} tensors changed since, the first: {names[0]}'
      raise _damaged(folder, words, remedy)


def _damaged(folder, words, remedy=_CHOOSE):
  return errors.UserError(
    f'expected a complete selfgait_jax checkpoint in {folder}, found otherwise '
    f'({words}); {remedy}'
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


def _meet_unless_failed(*, key: str, timeout_ms: int) -> None:
  """Orbax's barrier between processes, skipped by one whose write failed.

  Orbax calls it in a `finally`: a process whose write failed would wait 20
  minutes for the others, which wait for that write.
  """
  if error := sys.exc_info()[1]:
    raise error
  ocp.multihost.get_barrier_sync_fn()(key=key, timeout_ms=timeout_ms)
