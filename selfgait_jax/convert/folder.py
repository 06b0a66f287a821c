"""The folder of an imported checkpoint: whole, or not there at all."""

import contextlib
import os
import pathlib
import shutil

import jax
import orbax.checkpoint as ocp

from selfgait_jax import errors
from selfgait_jax.run import checkpointing

# A name that no reader takes for a checkpoint's.
PARTIAL = '.converting'


@contextlib.contextmanager
def claimed(output: pathlib.Path, overwrite: bool):
  """Makes `OUTPUT/checkpoints`; a block that fails leaves nothing new behind.

  What an import leaves when it is killed is known by its name and removed.

  Raises:
    UserError: the folder holds something else, or cannot be written.
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
  """Writes checkpoint `step` in place of all others; returns its folder.

  `trees` of arrays: `variables` and perhaps `training`.
  """
  needed = sum(x.nbytes for x in jax.tree.leaves(trees))
  free = shutil.disk_usage(directory).free
  if free < needed:  # asked first: Orbax's threads print when a disk fills
    raise OSError(f'{free / 1e6:.3g} MB free of {needed / 1e6:.3g} MB')
  partial = directory / f'{step}{PARTIAL}'
  # As device arrays, which Orbax does not copy once more; nor does JAX.
  trees = jax.device_put(trees, may_alias=True)
  items = {name: ocp.args.StandardSave(tree) for name, tree in trees.items()}
  items['manifest'] = ocp.args.JsonSave(manifest)
  with ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as writer:
    try:
      writer.save(partial, ocp.args.Composite(**items))
    except Exception as error:  # Orbax wraps the cause in types of its own
      raise OSError(str(error).splitlines()[0][-200:]) from error
  for old in checkpointing.complete_steps(directory):
    os.rename(directory / str(old), directory / f'{old}{PARTIAL}-old')
  final = directory / str(step)
  os.rename(partial, final)
  return final


def _remove_partial(directory):
  for path in directory.glob(f'*{PARTIAL}*'):
    shutil.rmtree(path)


def _check(directory, overwrite):
  """Only an earlier import may be in the way, and only with --overwrite."""
  steps = checkpointing.complete_steps(directory)
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
