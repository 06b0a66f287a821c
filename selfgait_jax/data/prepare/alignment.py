"""Raw masks to aligned silhouettes of 64 x 64 pixels."""

import cv2
import numpy as np

from selfgait_jax.data.prepare.reading import Refused

SIZE = 64  # rows and columns of an aligned silhouette
SMALLEST_SUM = 10_000  # of the grey values of a usable mask


def align(mask: np.ndarray) -> np.ndarray | None:
  """Scales a raw mask to a height of 64 and centres it by mass.

  The pre-treatment of GaitSet (github.com/AbnerHqC/GaitSet) and OpenGait: the
  rows from head to foot are resized to 64, bicubic, and the 64 columns around
  the column that halves the mass are kept.

  Args:
    mask: uint8 [H, W]; 0..255, or 0 and 1.

  Returns:
    uint8 [64, 64], or None if there is no person: the grey values sum to
    10,000 or less, or nothing is left at this size.
  """
  mask = to_grey(mask)
  if mask.sum(dtype=np.int64) <= SMALLEST_SUM:
    return None
  rows = np.flatnonzero(mask.any(axis=1))
  person = mask[rows[0] : rows[-1] + 1]
  width = max(1, int(SIZE * person.shape[1] / person.shape[0]))
  person = cv2.resize(person, (width, SIZE), interpolation=cv2.INTER_CUBIC)
  mass = person.sum(axis=0, dtype=np.int64).cumsum()
  if not mass[-1]:  # too thin to be left after resizing
    return None
  centre = int(np.argmax(mass > mass[-1] / 2))
  half = SIZE // 2
  return np.pad(person, ((0, 0), (half, half)))[:, centre : centre + SIZE]


def to_grey(array: np.ndarray) -> np.ndarray:
  """Masks as uint8 0..255.

  Bool, float in 0..1 and uint8 of only 0 and 1 are multiplied by 255; other
  uint8 values stay as they are.

  Raises:
    Refused: other values.
  """
  if array.dtype != np.uint8:
    low, high = (array.min(), array.max()) if array.size else (0, 0)
    if not (low >= 0 and high <= 1):  # also if one is NaN
      raise Refused(f'values {low} to {high}, expected 0..1 or uint8')
    return np.rint(array.astype(np.float32) * 255).astype(np.uint8)
  return array * np.uint8(255) if array.max(initial=0) == 1 else array


def has_white_border(frames: np.ndarray) -> np.ndarray:
  """Whether frames cannot be silhouettes: their border is mostly white.

  Inverted masks and masks that are all white are like that. A person touches
  the border of a frame with the head, the feet or one side at most.

  Args:
    frames: uint8 [..., H, W], 0..255.

  Returns:
    bool [...]: more than two thirds of the outermost pixels are white.
  """
  white = frames > 127
  sides = (
    white[..., 0, :], white[..., -1, :], white[..., 1:-1, 0],
    white[..., 1:-1, -1],
  )  # fmt: skip
  border = np.concatenate(sides, axis=-1)
  return border.mean(-1) > 2 / 3
