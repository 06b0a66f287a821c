"""The one place where a video becomes clips."""

from collections.abc import Iterator

import numpy as np

from selfgait_jax.clips.clip import Clip

SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v')


def is_film(path: str) -> bool:
  return path.lower().endswith(SUFFIXES)


def read(path: str) -> Iterator[Clip]:
  """Yields the clips of a video; runs in the process that has limits."""
  yield Clip(
    path,
    np.zeros((0, 64, 64), np.uint8),
    (
      'a video: make silhouettes of it first, by `selfgait silhouettes VIDEO '
      '--out=DIR`, and drop the folder DIR',
    ),
  )
