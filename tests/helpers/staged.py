"""A video that no file holds: white boxes that walk over a black picture."""

import dataclasses
import pathlib

import numpy as np


@dataclasses.dataclass
class Staged:
  """As `reading.Video`; frame n is drawn when it is asked for.

  A walker of 60 x 20 pixels crosses in `crossing` frames; then nobody is there
  for 20 frames, and the next one comes.
  """

  path: pathlib.Path
  frames: int
  crossing: int = 60
  expected: int = 0
  size: tuple[int, int] = (80, 160)
  rate: float = 25.0

  def __iter__(self):
    for number in range(self.frames):
      yield self.draw(number)

  def draw(self, number):
    frame = np.zeros((*self.size, 3), np.uint8)
    part = number % (self.crossing + 20) / self.crossing
    left = int(part * (self.size[1] + 20)) - 20
    legs = number % 6
    frame[10:70, max(left, 0) : max(left + 20, 0)] = 255
    frame[50:70, max(left + 10 - legs, 0) : max(left + 10 + legs, 0)] = 0
    return frame


def segmenter(video):
  """What is white is a person."""
  return lambda frame: np.ascontiguousarray(frame[..., 0])
