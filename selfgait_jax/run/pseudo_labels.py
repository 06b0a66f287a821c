"""The pseudo-identities of a round: one file, written whole or not at all.

`WORKDIR/<stage>/labels/<step>.npz` has, for N training sequences: `pixels`, str
[N], the hash of a sequence's pixels, by which it can be found again; `views`,
str [N], its camera; `labels`, int32 [N], its pseudo-identity or -1 for none.
`threshold` and `agreement` [K, 2] say how the clustering was chosen.
"""

import dataclasses
import pathlib

import numpy as np

from selfgait_jax import errors
from selfgait_jax.machine import files


@dataclasses.dataclass(frozen=True)
class Round:
  """What a file holds; see above."""

  pixels: np.ndarray
  views: np.ndarray
  labels: np.ndarray
  threshold: float
  agreement: np.ndarray


def path(directory: pathlib.Path, step: int) -> pathlib.Path:
  """The file of the round that begins after `step` updates of a stage."""
  return directory / 'labels' / f'{step}.npz'


def write(file: pathlib.Path, found: Round) -> None:
  """Writes a round; a kill leaves no partial file behind."""
  file.parent.mkdir(parents=True, exist_ok=True)
  with files.whole(file) as partial, open(partial, 'wb') as stream:
    np.savez_compressed(stream, **dataclasses.asdict(found))


def read(file: pathlib.Path) -> Round | None:
  """Reads a round; None if there is no such file.

  Raises:
    errors.UserError: the file is damaged.
  """
  try:
    with np.load(file, allow_pickle=False) as stored:
      found = Round(
        **{f.name: stored[f.name] for f in dataclasses.fields(Round)}
      )
    same = len(found.pixels) == len(found.views) == len(found.labels)
    if not same or found.labels.dtype != np.int32:
      raise ValueError('arrays of different lengths or types')
    return found
  except FileNotFoundError:
    return None
  except Exception as error:  # of many types, if the file is damaged
    raise errors.UserError(
      f'expected the labels of a round in {file}, found none that can be read '
      f"({type(error).__name__}); delete the stage's folder to train it again"
    ) from error


def read_all(directory: pathlib.Path) -> dict[int, Round]:
  """All rounds of a stage by their steps, in order."""
  steps = [
    int(file.stem)
    for file in (directory / 'labels').glob('*.npz')
    if file.stem.isdecimal()
  ]
  return {step: read(path(directory, step)) for step in sorted(steps)}
