"""The folder of an imported checkpoint: it appears whole or not at all."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator

import jax
import orbax.checkpoint as ocp

from selfgait_jax import errors
from selfgait_jax.machine import files
from selfgait_jax.run import checkpointing, digests, step_folders

# Part of the name of an unfinished checkpoint; readers skip such folders.
PARTIAL = '.converting'


@contextlib.contextmanager
def claimed(output: pathlib.Path, overwrite: bool) -> Iterator[pathlib.Path]:
  """Creates `OUTPUT/checkpoints` and yields it.

  If the block fails, the folders that were created are removed. What a killed
  import left behind is removed first; its name tells.

  Args:
    output: the folder that the user chose.
    overwrite: accept a checkpoint that an earlier import wrote.

  Raises:
    UserError: the folder holds anything else, or cannot be written.
  """
  directory = output.absolute() / 'checkpoints'
  made = [p for p in (directory, *directory.parents) if not p.exists()]
  done = False
  try:
    directory.mkdir(parents=True, exist_ok=True)
    _remove_partial(directory)
    _check(directory, overwrite)
    yield directory
    done = True
  except OSError as error:
    raise errors.UserError(
      f'expected a folder that can be written, found {error}; change --output '
      'or free space'
    ) from error
  finally:
    with contextlib.suppress(OSError):
      _remove_partial(directory)
      for folder in () if done else made:
        folder.rmdir()  # only if it is empty


def write(
  directory: pathlib.Path, step: int, manifest: dict, **trees: dict
) -> pathlib.Path:
  """Writes checkpoint `step` in place of all earlier ones.

  Args:
    directory: the `checkpoints` folder.
    step: the number of updates that the weights had.
    manifest: as `manifests.describe` returns it.
    **trees: arrays of the items `variables` and, if any, `training`.

  Returns:
    The folder of the checkpoint.

  Raises:
    OSError: the disk is full or cannot be written.
    UserError: the disk has less room than the arrays need.
  """
  # Checked beforehand, because Orbax's threads print when a disk fills up.
  files.expect_room(
    directory,
    sum(x.nbytes for x in jax.tree.leaves(trees)),
    'a checkpoint',
    'free space or change --output',
  )
  partial = directory / f'{step}{PARTIAL}'
  # Orbax copies NumPy arrays, but not device arrays; neither does JAX here.
  trees = jax.device_put(trees, may_alias=True)
  items = {name: ocp.args.StandardSave(tree) for name, tree in trees.items()}
  items['manifest'] = ocp.args.JsonSave(manifest)
  items['digests'] = ocp.args.JsonSave(digests.of(manifest, **trees))
  with ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as writer:
    try:
      writer.save(partial, ocp.args.Composite(**items))
    except Exception as error:  # Orbax wraps the cause in its own types
      raise OSError(errors.first_line(error)) from error
  for old in step_folders.all_steps(directory):
    os.rename(directory / str(old), directory / f'{old}{PARTIAL}-old')
  final = directory / str(step)
  os.rename(partial, final)
  return final


def _remove_partial(directory):
  for path in directory.glob(f'*{PARTIAL}*'):
    shutil.rmtree(path)


def _check(directory, overwrite):
  """Refuses anything in the folder but an import that may be overwritten."""
  steps = step_folders.all_steps(directory)
  if not steps:
    others = [p for p in directory.parent.iterdir() if p != directory]
    others += list(directory.iterdir())
    if others:
      raise errors.UserError(
        f'expected a new or empty folder, found {others[0].name} in '
        f'{others[0].parent}; change --output'
      )
    return
  for step in steps:
    path = directory / str(step)
    if not (path / 'variables').is_dir() or not (path / 'manifest').is_dir():
      raise errors.UserError(
        f'expected a whole checkpoint in {path}, found half of one; remove it '
        'or change --output'
      )
    _, manifest = checkpointing.read_manifest(str(path))
    if 'sha256' not in manifest['source']:
      raise errors.UserError(
        f'expected no trained checkpoint in the way, found {path}; change '
        '--output'
      )
  if not overwrite:
    raise errors.UserError(
      f'expected no checkpoint in {directory}, found {steps[-1]}; add '
      '--overwrite or change --output'
    )
