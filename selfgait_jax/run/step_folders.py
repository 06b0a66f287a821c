"""The folders of checkpoints on disk: which are complete, and what is not.

A checkpoint is the folder `checkpoints/<step>`. Orbax gives it this name when
all is written, so an incomplete one comes from a copy that was cut short, or
from a person.
"""

import pathlib

from absl import logging

from selfgait_jax import errors

# The files that Orbax writes last in the two items that every reader needs.
NEEDED = ('manifest/metadata', 'variables/_METADATA')


def all_steps(directory: pathlib.Path) -> list[int]:
  """Steps of a folder's checkpoints, complete or not, in ascending order."""
  return sorted(int(p.name) for p in directory.glob('*') if _is_step(p.name))


def complete_steps(directory: pathlib.Path) -> list[int]:
  """Steps of a folder's complete checkpoints, in ascending order."""
  steps = all_steps(directory)
  return [step for step in steps if not missing(directory / str(step))]


def missing(folder: pathlib.Path) -> str:
  """What a checkpoint's folder lacks, '' if it is complete."""
  return next((n for n in NEEDED if not (folder / n).is_file()), '')


def find(path: pathlib.Path) -> pathlib.Path:
  """The newest complete checkpoint in `path`, a folder as users name it.

  A newer one that is incomplete is passed over with a warning.

  Args:
    path: a stage's folder, its `checkpoints` folder, or one checkpoint.

  Raises:
    UserError: there is none.
  """
  if _is_step(path.name) and any((path / n).parent.is_dir() for n in NEEDED):
    if lacks := missing(path):
      raise errors.UserError(
        f'expected a complete checkpoint in {path}, found no {lacks}; choose '
        'another checkpoint'
      )
    return path
  if not missing(path):  # a checkpoint under another name
    return path
  incomplete = []
  for folder in (path / 'checkpoints', path):
    steps = complete_steps(folder)
    incomplete += _newer(folder, steps)
    if steps:
      for passed in incomplete:
        logging.warning(
          '%s is incomplete (no %s) and passed over', passed, missing(passed)
        )
      return folder / str(steps[-1])
  found = f'{incomplete[-1]}, which is incomplete' if incomplete else 'none'
  stages = sorted(p.parent.name for p in path.glob('*/checkpoints'))
  advice = f'choose a stage of it: {", ".join(stages)}' if stages else (
    'give a folder that holds `checkpoints/<step>` or `model.safetensors`'
  )  # fmt: skip
  raise errors.UserError(
    f'expected a checkpoint in {path}, found {found}; {advice}'
  )


def set_aside(directory: pathlib.Path) -> None:
  """Renames incomplete checkpoints, with a warning that names them.

  Orbax would take one for the latest and save nothing before its step.
  """
  for step in all_steps(directory):
    folder = directory / str(step)
    if lacks := missing(folder):
      aside = folder.with_name(f'{folder.name}.incomplete')
      number = 1
      while aside.exists():
        number += 1
        aside = folder.with_name(f'{folder.name}.incomplete-{number}')
      folder.rename(aside)
      logging.warning(
        '%s is incomplete (no %s) and passed over; it is now named %s',
        folder, lacks, aside.name,
      )  # fmt: skip


def _newer(directory, steps):
  """Incomplete checkpoints that are newer than the newest complete one."""
  newest = steps[-1] if steps else -1
  return [directory / str(n) for n in all_steps(directory) if n > newest]


def _is_step(name):
  """True for '12'; not for '012' or digits of other scripts."""
  return name.isascii() and name.isdigit() and str(int(name[:20])) == name
