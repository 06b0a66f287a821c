"""A clip: the aligned silhouettes of one walk, and what was left out."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Clip:
  """One walk, ready for `Embedder.embed`.

  Attributes:
    source: path of the folder or file; ':NAME' follows for an array of a .npz.
    frames: uint8 [T, 64, W], 0..255, in order of time; W is 64 or 44. T is 0 if
      nothing could be used.
    left_out: sentences about the frames that could not be used.
    lost: number of these frames.
  """

  source: str
  frames: np.ndarray
  left_out: tuple[str, ...] = ()
  lost: int = 0
