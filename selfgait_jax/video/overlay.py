"""The video with the outlines and numbers of those who were found."""

import pathlib
from collections.abc import Iterable

import cv2
import numpy as np

from selfgait_jax import errors
from selfgait_jax.video.people import Blob
from selfgait_jax.video.reading import Video

CROWD = 'touching'
_COLOURS = (  # blue, green, red
  (40, 220, 40), (40, 160, 255), (255, 140, 40), (220, 60, 220), (60, 230, 230),
  (230, 200, 60),
)  # fmt: skip
_UNNAMED = (200, 200, 200)  # too short so far, or several people
_PLATE = (30, 30, 30)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


class Overlay:
  """Writes an MP4 file (MPEG-4 Part 2) frame by frame.

  Attributes:
    frames: number of those that were added.
  """

  def __init__(self, path: pathlib.Path, video: Video):
    """Raises UserError if it cannot be written."""
    codec = cv2.VideoWriter_fourcc(*'mp4v')
    self._writer = cv2.VideoWriter(
      str(path), cv2.CAP_FFMPEG, codec, video.rate, video.size[::-1]
    )
    if not self._writer.isOpened():
      raise errors.UserError(
        f'expected to write a video to {errors.printable(path)}, which cannot '
        'be opened; free space or change --out'
      )
    self._letters = max(0.5, video.size[0] / 500)
    self._line = max(2, video.size[0] // 240)
    self.frames = 0

  def add(self, frame: np.ndarray, seen: Iterable[tuple[str, Blob]]) -> None:
    """Adds a frame; draws each (label, blob) in it. A number has a colour."""
    for label, blob in seen:
      named = label.isdigit()
      colour = _COLOURS[int(label) % len(_COLOURS)] if named else _UNNAMED
      top, left = map(int, blob.box[:2])
      outlines, _ = cv2.findContours(
        blob.mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE, offset=(left, top)
      )
      cv2.drawContours(frame, outlines, -1, colour, self._line)
      if label:
        self._write(frame, label, top, left, colour)
    self._writer.write(frame)
    self.frames += 1

  def close(self) -> None:
    self._writer.release()

  def _write(self, frame, label, top, left, colour):
    """Text on a plate above a place, so that any background will do."""
    (width, height), below = cv2.getTextSize(label, _FONT, self._letters, 2)
    left = max(0, min(left, frame.shape[1] - width - 4))
    top = max(0, top - height - below - 4)
    end = left + width + 4, top + height + below + 2
    cv2.rectangle(frame, (left, top), end, _PLATE, cv2.FILLED)
    place = left + 2, top + height + 1
    cv2.putText(
      frame, label, place, _FONT, self._letters, colour, 2, cv2.LINE_AA
    )
