"""A video file, read frame by frame with OpenCV."""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Generator

import cv2
import numpy as np

from selfgait_jax import errors

LONGEST_SIDE = 1280  # pixels; larger frames are scaled down
_RATE = 25  # frames/s, near which gait networks are trained
_LARGEST_SIDE = 8192  # pixels, before scaling
_MOST_RATE = 1000  # frames/s; a file that says more says nothing
# Without such a list FFmpeg also takes text files, pictures and playlists,
# which name other files.
_CONTAINERS = 'mov,mp4,avi,matroska,webm,mpegts,mpeg,asf,flv,mxf,ogg'


@dataclasses.dataclass(frozen=True)
class Video:
  """A video file; each loop over it reads the frames anew, one at a time.

  A frame is uint8 [H, W, 3], blue, green, red, turned as the file says. Of
  high frame rates, such as 50 or 60 a second, every second frame or fewer are
  yielded, so that gait has the speed that networks know.

  Attributes:
    path: of the file.
    size: (H, W) of the frames yielded.
    rate: frames yielded per second of the video.
    every: of so many frames in the file one is yielded.
    expected: frames to be yielded, as the file says; 0 if it does not.
  """

  path: pathlib.Path
  size: tuple[int, int]
  rate: float
  every: int
  expected: int

  def __iter__(self) -> Generator[np.ndarray, None, None]:
    with _capture(self.path) as capture:
      number = 0
      while capture.grab():
        if number % self.every == 0:
          done, frame = capture.retrieve()
          if not done:
            return
          yield _scale(frame, self.size)
        number += 1


def open_video(path: str | os.PathLike) -> Video:
  """Opens a video and reads its first frame.

  Raises:
    UserError: there is no such file, or no frame of a video can be read.
  """
  path = pathlib.Path(path).expanduser()
  if not path.is_file():
    raise errors.UserError(
      f'expected a video file at {errors.printable(path)}, found '
      f'{"something else" if path.exists() else "nothing"}; change the path'
    )
  with _capture(path) as capture:
    done, frame = capture.read()
    rate = capture.get(cv2.CAP_PROP_FPS)
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
  if not done:
    raise _unreadable(path)
  if not 1 <= rate <= _MOST_RATE:  # it may be NaN
    rate = _RATE
  every = max(1, round(rate / _RATE))
  side = max(frame.shape[:2])
  height, width = frame.shape[:2]
  scale = min(1.0, LONGEST_SIDE / side)
  return Video(
    path=path,
    size=(max(1, round(height * scale)), max(1, round(width * scale))),
    rate=rate / every,
    every=every,
    expected=int(max(count, 0)) // every if count < 2**53 else 0,
  )


@contextlib.contextmanager
def _capture(path):
  """An open `VideoCapture`; raises UserError if it is none."""
  with _quietly():
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
  try:
    side = max(
      capture.get(cv2.CAP_PROP_FRAME_WIDTH),
      capture.get(cv2.CAP_PROP_FRAME_HEIGHT),
    )
    if not capture.isOpened():
      raise _unreadable(path)
    if side > _LARGEST_SIDE:
      raise errors.UserError(
        f'expected a video of at most {_LARGEST_SIDE} pixels a side, found '
        f'{side:.0f} in {errors.printable(path)}; scale it down'
      )
    yield capture
  finally:
    capture.release()


@contextlib.contextmanager
def _quietly():
  """Opening says nothing by itself and takes only `_CONTAINERS`."""
  wanted = {
    'OPENCV_FFMPEG_CAPTURE_OPTIONS': f'format_whitelist;{_CONTAINERS}',
    'OPENCV_FFMPEG_LOGLEVEL': '-8',
  }
  before = {name: os.environ.get(name) for name in wanted}
  level = cv2.utils.logging.getLogLevel()
  os.environ.update(wanted)
  cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
  try:
    yield
  finally:
    cv2.utils.logging.setLogLevel(level)
    for name, value in before.items():
      if value is None:
        del os.environ[name]
      else:
        os.environ[name] = value


def _scale(frame, size):
  """Frames can change their size within a file."""
  if frame.shape[:2] == size:
    return frame
  return cv2.resize(frame, size[::-1], interpolation=cv2.INTER_AREA)


def _unreadable(path):
  found = 'none that can be read' if path.stat().st_size else 'an empty file'
  return errors.UserError(
    'expected a video (MP4, MOV, AVI, MKV, WebM, MPEG) in '
    f'{errors.printable(path)}, found {found}: a damaged or truncated file, '
    'one without video, or another format; convert it to MP4'
  )
