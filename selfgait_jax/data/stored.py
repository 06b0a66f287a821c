"""One stored sequence: what preparation writes and loading reads."""

import dataclasses
import zlib

import numpy as np


@dataclasses.dataclass(frozen=True)
class Record:
  """One sequence as it is stored: `frames` are zlib-compressed uint8."""

  subject: str
  condition: str
  view: str
  num_frames: int
  fingerprint: str  # of the pixels, see sequences.pixel_fingerprint
  frames: bytes


def decode(record: Record) -> np.ndarray:
  """uint8 [T, 64, 64] of one record."""
  frames = np.frombuffer(zlib.decompress(record.frames), np.uint8)
  return frames.reshape(record.num_frames, 64, 64)
