"""A contact sheet: a strip of frames for each clip, with its verdict."""

import heapq
import os
import pathlib

import cv2
import numpy as np

from selfgait_jax import errors
from selfgait_jax.clips.clip import Clip
from selfgait_jax.clips.quality import VERDICTS, Quality
from selfgait_jax.machine import files

MOST_CLIPS = 200  # on a sheet
_SIZE = 64
_FRAMES = 12  # of a clip, evenly spaced
_BAR = 6  # pixels of the coloured bar at the left
_CAPTION = 36  # pixels, two lines
_LETTERS = 110  # that fit into a line
_FONT, _SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.4
_COLOURS = {  # blue, green, red
  'good': (90, 160, 60),
  'doubtful': (40, 160, 230),
  'refused': (60, 60, 210),
}
_PAPER, _GROUND, _INK = 250, 40, 30  # grey values


class Sheet:
  """Collects the strips of a sheet; holds at most `MOST_CLIPS` of them.

  The worst clips are kept and come first, in the order of `add`.
  """

  def __init__(self):
    self._kept = []  # a heap, the first to go on top
    self._added = 0

  def __len__(self) -> int:
    return len(self._kept)

  def add(self, clip: Clip, quality: Quality) -> None:
    rank = VERDICTS.index(quality.verdict), -self._added
    self._added += 1
    if len(self._kept) == MOST_CLIPS and rank < self._kept[0][0]:
      return
    item = rank, _strip(clip, quality)
    if len(self._kept) == MOST_CLIPS:
      heapq.heapreplace(self._kept, item)
    else:
      heapq.heappush(self._kept, item)

  def write(self, path: str | os.PathLike) -> None:
    """Writes a PNG file, whole or not at all.

    Raises:
      UserError: it cannot be written.
    """
    strips = [s for _, s in sorted(self._kept, key=lambda i: i[0])[::-1]]
    _, content = cv2.imencode('.png', np.concatenate(strips))
    with files.output(pathlib.Path(path)) as partial:
      partial.write_bytes(content.tobytes())


def row_of(frames: np.ndarray, paper: int = _PAPER) -> np.ndarray:
  """uint8 [64, 792]: twelve frames of [T, 64, W], evenly spaced, or fewer.

  `paper` is the grey value between them.
  """
  row = np.full((_SIZE, _FRAMES * (_SIZE + 2)), paper, np.uint8)
  count = min(_FRAMES, len(frames))
  chosen = np.linspace(0, len(frames) - 1, count).round().astype(int)
  for place, frame in enumerate(frames[chosen]):
    margin = (_SIZE - frame.shape[1]) // 2
    left = place * (_SIZE + 2) + margin
    row[:, left : left + frame.shape[1]] = np.maximum(frame, _GROUND)
  return row


def _strip(clip, quality):
  """uint8 [H, W, 3]: frames in a row, and two lines below."""
  row = row_of(clip.frames)
  caption = np.full((_CAPTION, row.shape[1]), _PAPER, np.uint8)
  says = '; '.join(dict.fromkeys((*quality.reasons, *clip.left_out)))
  found = (
    f'{quality.verdict} | {quality.usable}/{quality.frames} frames | '
    f'{quality.cycles:.1f} cycles | '
  )
  room = _LETTERS - len(found)
  for number, text in enumerate((found + _tail(clip.source, room), says)):
    text = errors.printable(text, _LETTERS).encode('ascii', 'replace').decode()
    place = (2, 12 + 15 * number)
    cv2.putText(caption, text, place, _FONT, _SCALE, _INK, 1, cv2.LINE_AA)
  body = np.repeat(np.concatenate([row, caption])[..., None], 3, 2)
  bar = np.full((len(body), _BAR, 3), _PAPER, np.uint8)
  bar[:-4] = _COLOURS[quality.verdict]
  return np.concatenate([bar, body], 1)


def _tail(source, room):
  """The end of a path, which tells clips apart."""
  source = errors.printable(source, 4096)
  return source if len(source) <= room else f'...{source[3 - room :]}'
