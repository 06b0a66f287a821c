"""What a gallery's file holds: clips, and the people they show."""

import dataclasses
import hashlib
from typing import NamedTuple

import numpy as np

from selfgait_jax import errors

LONGEST_NAME = 1000  # characters
_DIGEST_BYTES = 16


@dataclasses.dataclass(frozen=True)
class Entry:
  """A clip to enrol.

  Attributes:
    source: where it comes from; '' if that is not known.
    frames: number of frames.
    verdict: of `quality`.
    digest: of its frames, by `digest_of`.
    embedding: float32 [P, D].
  """

  source: str
  frames: int
  verdict: str
  digest: bytes
  embedding: np.ndarray


class Row(NamedTuple):
  """An enrolled clip: its number, name, source and embedding [P, D]."""

  id: int
  name: str
  source: str
  embedding: np.ndarray


@dataclasses.dataclass(frozen=True)
class Person:
  """An enrolled person.

  Attributes:
    name: any text; show it by `errors.printable`.
    clips: how many are enrolled.
    frames: of all clips.
    doubtful: how many of the clips are doubtful.
    first: date of the first clip, as ISO 8601 in UTC.
    last: date of the last.
  """

  name: str
  clips: int
  frames: int
  doubtful: int
  first: str
  last: str


def digest_of(frames: np.ndarray) -> bytes:
  """Tells whether two clips have the same frames, uint8 [T, H, W]."""
  hashed = hashlib.blake2b(
    str(frames.shape).encode(), digest_size=_DIGEST_BYTES
  )
  hashed.update(np.ascontiguousarray(frames).tobytes())
  return hashed.digest()


def check_name(name: str) -> None:
  """Raises UserError unless it is text that a file can hold."""
  try:
    fits = len(name.encode()) > 0 and len(name) <= LONGEST_NAME
  except UnicodeEncodeError:
    fits = False
  if not fits:
    raise errors.UserError(
      f'expected a name of 1 to {LONGEST_NAME} characters of Unicode, found '
      f'{len(name)} characters ({errors.printable(name)}); change the name'
    )


def as_text(path: str) -> str:
  """A path as text that a file can hold; a file's name may be any bytes."""
  return path.encode('utf-8', 'backslashreplace').decode()
