"""Background subtraction: people who move before a camera that stands still."""

import contextlib
import itertools
import math

import cv2
import numpy as np

from selfgait_jax.video.reading import Video

SECONDS, FRAMES = 30, 75  # the background is first learned from so many
_MEMORY = 2000  # frames: how slowly what stands still becomes background
_SEEN = 0.65  # of the time, for which the background is seen everywhere
_LEAST_VARIANCE = 15  # of a pixel's grey levels, squared
_CHANGED = 0.5  # of the picture: more than a person; the light has changed
_FAST = 0.1  # learning rate when the light has changed
_GRID = 8  # brightness is compared in every so many rows and columns
_DARK, _BRIGHT = 10, 245  # grey levels beyond which brightness is cut off
_REFERENCE = 100  # frames after which brightness is compared with a new picture


class Background:
  """Tells who is not background: a mixture of Gaussians a pixel (MOG2).

  Shadows are not told from people. A brightness that changes all over, such as
  a camera's own exposure, is undone first.
  """

  def __init__(self, video: Video):
    """Learns the background from frames spread over the first half minute.

    So somebody who is there from the first frame on is found, too.
    """
    self._model = cv2.createBackgroundSubtractorMOG2(
      history=_MEMORY, detectShadows=False
    )
    # Nobody covers a place for more than the rest of the time.
    self._model.setBackgroundRatio(_SEEN)
    # Without a least variance the halo that compression leaves around a person
    # in a quiet picture would count as person.
    self._model.setVarMin(_LEAST_VARIANCE)
    height = video.size[0]
    self._open = _ellipse(3)
    self._close = _ellipse(max(3, height // 72))
    self._since = 0
    most = math.ceil(SECONDS * video.rate)
    step = math.ceil(min(video.expected or most, most) / FRAMES)
    with contextlib.closing(iter(video)) as frames:
      spread = itertools.islice(frames, 0, most, step)
      for number, frame in enumerate(map(_smooth, spread)):
        if not number:
          self._refer_to(frame)
        frame = self._undo_brightness(frame)
        self._model.apply(frame, learningRate=1 / (1 + number))
    self._refer_to(self._model.getBackgroundImage())

  def __call__(self, frame: np.ndarray) -> np.ndarray:
    """The mask of a frame uint8 [H, W, 3]: uint8 [H, W], 0 or 255."""
    frame = self._undo_brightness(_smooth(frame))
    mask = self._model.apply(frame, learningRate=1 / _MEMORY)
    if cv2.countNonZero(mask) > _CHANGED * mask.size:
      self._model.apply(frame, learningRate=_FAST)
      self._since = _REFERENCE
      return np.zeros_like(mask)
    self._since += 1
    if self._since >= _REFERENCE:
      self._refer_to(self._model.getBackgroundImage())
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, self._open)
    return cv2.morphologyEx(mask, cv2.MORPH_CLOSE, self._close)

  def _refer_to(self, picture):
    """Frames are to be as bright as this one, uint8 [H, W, 3]."""
    self._reference = picture[::_GRID, ::_GRID].astype(np.float32)
    self._since = 0

  def _undo_brightness(self, frame):
    """Scales a frame to the brightness that most places had."""
    now = frame[::_GRID, ::_GRID].astype(np.float32)
    inside = (now > _DARK) & (now < _BRIGHT)
    inside &= (self._reference > _DARK) & (self._reference < _BRIGHT)
    if not inside.any():
      return frame
    factor = float(np.median(self._reference[inside] / now[inside]))
    return cv2.convertScaleAbs(frame, alpha=factor)


def _smooth(frame):
  """Less of the camera's noise; outlines stay where they are."""
  return cv2.medianBlur(frame, 3)


def _ellipse(size):
  return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
