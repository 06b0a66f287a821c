"""One sequence as preparation stores it and loading reads it."""

import dataclasses
import zlib

import numpy as np


@dataclasses.dataclass(frozen=True)
class Record:
  """One stored sequence.

  Attributes:
    subject: for example '001'.
    condition: for example 'nm-01'.
    view: for example '090'.
    num_frames: T.
    fingerprint: `sequences.pixel_fingerprint` of the frames.
    frames: zlib-compressed pixels, uint8 [T, 64, 64]; in a packed file bits
      (data/packed.py).
  """

  subject: str
  condition: str
  view: str
  num_frames: int
  fingerprint: str
  frames: bytes


def decode(record: Record) -> np.ndarray:
  """Decompresses the frames of a record: uint8 [T, 64, 64]."""
  frames = np.frombuffer(zlib.decompress(record.frames), np.uint8)
  return frames.reshape(record.num_frames, 64, 64)
