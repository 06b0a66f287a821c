"""Silhouette sequences as uint8 [T, 64, 64] from PNG files or arrays."""

import collections
import pathlib

import cv2
import numpy as np

SIZE = 64  # rows and columns of an aligned silhouette
CUT_WIDTH = 44  # columns of silhouettes that were cut beforehand
SMALLEST_SUM = 10_000  # of the grey values of a usable mask
_LARGEST_SIDE = 4096  # pixels of a mask
_LARGEST_FILE = 256 * 2**20  # bytes
_MOST_FRAMES = 20_000
_PNG_START = b'\x89PNG\r\n\x1a\n'


class Refused(Exception):
  """A file that is left out; the message is the reason."""


def from_array(array: np.ndarray) -> np.ndarray:
  """Checks an aligned sequence and brings it to uint8 [T, 64, 64], 0..255.

  Bool, float in 0..1 and uint8 of only 0 and 1 are masks and are multiplied
  by 255. Sequences of 44 columns get their ten blank columns a side back.

  Raises:
    Refused: another shape or range, no frame, or nothing but background.
  """
  if array.ndim != 3 or array.shape[1:] not in (
    (SIZE, SIZE),
    (SIZE, CUT_WIDTH),
  ):
    raise Refused(
      f'array of shape {array.shape}, expected [T, 64, 64] or [T, 64, 44]'
    )
  if not 0 < len(array) <= _MOST_FRAMES:
    raise Refused(f'{len(array)} frames, expected 1 to {_MOST_FRAMES}')
  array = _grey(array)
  if not array.any():
    raise Refused('every frame is blank')
  margin = (SIZE - array.shape[2]) // 2
  if margin:
    array = np.pad(array, ((0, 0), (0, 0), (margin, margin)))
  return np.ascontiguousarray(array)


def from_pngs(paths: list[pathlib.Path], aligned: bool):
  """Reads the frames of one sequence, in the order given.

  Args:
    paths: PNG files, 64 x 64 or 64 x 44 if `aligned`, else masks of any size.
    aligned: whether the frames are taken as they are or go through `align`.

  Returns:
    uint8 [T, 64, 64]; the number of masks that `align` left out; a list of
    (path, reason) of the files that could not be used.

  Raises:
    Refused: no frame is left.
  """
  images, refused = {}, []
  for path in paths:
    try:
      images[path] = read_png(path)
    except (Refused, OSError) as error:
      refused.append((path, str(error)))
  if not images:
    reason = f', the first: {refused[0][1]}' if refused else ''
    raise Refused(f'no frame among {len(paths)} files{reason}')
  sizes = collections.Counter(image.shape for image in images.values())
  usual = sizes.most_common(1)[0][0]
  for path in [p for p, image in images.items() if image.shape != usual]:
    reason = (
      f'{_by(images.pop(path).shape)} pixels among frames of {_by(usual)}'
    )
    refused.append((path, reason))
  frames = list(images.values())
  if not aligned:
    frames = [mask for mask in map(align, frames) if mask is not None]
    if not frames:
      raise Refused(f'no usable silhouette in {len(images)} frames')
  return from_array(np.stack(frames)), len(images) - len(frames), refused


def read_png(path: pathlib.Path) -> np.ndarray:
  """Grey values uint8 [H, W] of a PNG; raises `Refused` if it is none."""
  content = read_file(path)
  if not content.startswith(_PNG_START) or len(content) < 24:
    raise Refused('not a PNG')
  sides = [int.from_bytes(content[at : at + 4], 'big') for at in (16, 20)]
  if max(sides) > _LARGEST_SIDE:  # before memory is taken for it
    raise Refused(f'{_by(sides)} pixels, at most {_LARGEST_SIDE} a side')
  try:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
  except cv2.error as error:
    raise Refused(f'a damaged PNG ({error.err})') from error
  if image is None:
    raise Refused('a damaged PNG')
  return image


def read_file(path: pathlib.Path) -> bytes:
  """The content of a file of bearable size; raises `Refused` otherwise."""
  if not path.is_file():  # a pipe, for one, would be waited for
    raise Refused('not a file that can be read')
  size = path.stat().st_size
  if size > _LARGEST_FILE:
    raise Refused(f'{size:,} bytes, at most {_LARGEST_FILE:,}')
  if not size:
    raise Refused('an empty file')
  return path.read_bytes()


def align(mask: np.ndarray) -> np.ndarray | None:
  """Brings a raw mask to 64 x 64: full height, centred by mass.

  The pre-treatment of GaitSet (github.com/AbnerHqC/GaitSet), which OpenGait
  uses as well: rows from head to foot are resized to 64, bicubic, and 64
  columns are kept around the column that halves the mass.

  Args:
    mask: uint8 [H, W]; 0..255 or 0 and 1.

  Returns:
    uint8 [64, 64], or None if there is no person: the grey values sum to
    10,000 or less, or nothing is left at this size.
  """
  mask = _grey(mask)
  if mask.sum(dtype=np.int64) <= SMALLEST_SUM:
    return None
  rows = np.flatnonzero(mask.any(axis=1))
  person = mask[rows[0] : rows[-1] + 1]
  width = max(1, int(SIZE * person.shape[1] / person.shape[0]))
  person = cv2.resize(person, (width, SIZE), interpolation=cv2.INTER_CUBIC)
  mass = person.sum(axis=0, dtype=np.int64).cumsum()
  if not mass[-1]:  # a hair that resizing lost
    return None
  centre = int(np.argmax(mass > mass[-1] / 2))
  half = SIZE // 2
  return np.pad(person, ((0, 0), (half, half)))[:, centre : centre + SIZE]


def _grey(array):
  """Masks of 0 and 1 to 0 and 255; uint8 grey values as they are."""
  if array.dtype != np.uint8:
    low, high = (array.min(), array.max()) if array.size else (0, 0)
    if not (low >= 0 and high <= 1):  # false for NaN as well
      raise Refused(f'values {low} to {high}, expected 0..1 or uint8')
    return np.rint(array.astype(np.float32) * 255).astype(np.uint8)
  return array * np.uint8(255) if array.max(initial=0) == 1 else array


def _by(shape):
  return ' x '.join(map(str, shape))
