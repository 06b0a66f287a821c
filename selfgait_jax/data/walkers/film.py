"""A film of a walker who crosses the picture, seen by a still camera."""

import pathlib
from collections.abc import Iterable

import cv2
import numpy as np

from selfgait_jax.data import draws
from selfgait_jax.data.walkers import walkers

HEIGHT, WIDTH = 360, 640  # pixels
RATE = 25  # frames/s
STATURE = 240  # pixels
STRIDE = 6  # pixels a frame
FLOOR = 330  # row of the soles
WALL, PERSON = 170, 60  # grey levels
NOISE = 1.5  # grey levels


def frames(subject: str, condition: str, seed: int) -> np.ndarray:
  """A walker from the right edge to the left one, uint8 [T, 360, 640] grey."""
  rng = draws.generator(seed, 'film', subject)
  seen = masks(subject, condition, seed)
  film = rng.normal(WALL, NOISE, seen.shape)
  film[seen] -= WALL - PERSON
  return np.clip(film, 0, 255).astype(np.uint8)


def masks(subject: str, condition: str, seed: int) -> np.ndarray:
  """Where the walker is in each of the `frames`, bool [T, 360, 640]."""
  count = (WIDTH + STATURE) // STRIDE
  silhouettes = walkers.render_sequence(subject, condition, '090', count, seed)
  seen = np.zeros((count, HEIGHT, WIDTH), bool)
  for number, body in enumerate(_grow(silhouettes)):
    left = WIDTH - number * STRIDE
    columns = slice(max(left, 0), min(left + STATURE, WIDTH))
    part = body[:, columns.start - left : columns.stop - left]
    seen[number, FLOOR - STATURE : FLOOR, columns] = part
  return seen


def write(path: pathlib.Path, frames: Iterable[np.ndarray]) -> None:
  """Writes frames as an MP4 file (MPEG-4 Part 2)."""
  codec = cv2.VideoWriter_fourcc(*'mp4v')
  writer = cv2.VideoWriter(str(path), codec, RATE, (WIDTH, HEIGHT))
  for frame in frames:
    writer.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
  writer.release()


def _grow(silhouettes):
  """Aligned silhouettes at the size of the film, bool [T, STATURE, STATURE]."""
  size = STATURE, STATURE
  grown = [cv2.resize(frame, size) for frame in silhouettes]
  return np.stack(grown) > 127
