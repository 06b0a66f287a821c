"""Silhouette sequences as uint8 [T, 64, 64] from PNG files or arrays."""

import collections
import dataclasses
import pathlib

import numpy as np

from selfgait_jax.data.prepare import alignment, png
from selfgait_jax.data.prepare.reading import Refused

CUT_WIDTH = 44  # columns of silhouettes that were cut beforehand
_SIZE = alignment.SIZE
SHAPES = ((_SIZE, _SIZE), (_SIZE, CUT_WIDTH))
MOST_FRAMES = 20_000
_MOST_LOST = 0.1  # share of a sequence's frames that may be lost unmentioned
_INVERTED = (
  'white at the border, as inverted or empty masks are; the person must be'
  ' white on black'
)


@dataclasses.dataclass
class Reading:
  """One sequence that was read.

  Attributes:
    frames: uint8 [T, 64, 64].
    too_small: number of masks left out as too small to be a person.
    refused: (path, reason) of the files that could not be used.
    remarks: sentences about the sequence as a whole.
  """

  frames: np.ndarray
  too_small: int = 0
  refused: list[tuple[pathlib.Path, str]] = dataclasses.field(
    default_factory=list
  )
  remarks: list[str] = dataclasses.field(default_factory=list)


def from_array(array: np.ndarray) -> Reading:
  """Checks an aligned sequence.

  Args:
    array: [T, 64, 64] or [T, 64, 44]; bool, float in 0..1, or uint8. The ten
      blank columns on each side are restored if they were cut.

  Raises:
    Refused: another shape or range, no frame, nothing but background, or no
      frame that can be a silhouette.
  """
  if array.ndim != 3 or array.shape[1:] not in SHAPES:
    raise Refused(
      f'array of shape {array.shape}, expected [T, 64, 64] or [T, 64, 44]'
    )
  total = len(array)
  if not 0 < total <= MOST_FRAMES:
    raise Refused(f'{total} frames, expected 1 to {MOST_FRAMES}')
  array = alignment.to_grey(array)
  if not array.any():
    raise Refused('every frame is blank')
  inverted = alignment.has_white_border(array)
  if inverted.any():
    array = array[~inverted]
  if not array.any():
    raise Refused(f'no silhouette: {inverted.sum()} frames are {_INVERTED}')
  margin = (_SIZE - array.shape[2]) // 2
  if margin:
    array = np.pad(array, ((0, 0), (0, 0), (margin, margin)))
  remarks = _remarks(total, len(array), int(inverted.sum()))
  return Reading(np.ascontiguousarray(array), remarks=remarks)


def from_pngs(paths: list[pathlib.Path], aligned: bool) -> Reading:
  """Reads the frames of one sequence, in the order given.

  Args:
    paths: PNG files, 64 x 64 or 64 x 44 if `aligned`, else masks of any size.
    aligned: whether the frames are used as they are; else each is aligned.

  Raises:
    Refused: no frame is left.
  """
  total = len(paths)
  if total > MOST_FRAMES:
    raise Refused(f'{total} frames, at most {MOST_FRAMES}')
  read = _read_aligned if aligned else _align_each
  frames, counts, refused = read(paths)
  if not frames:
    raise Refused(_why_empty(total, counts, refused))
  reading = (
    from_array(np.stack(frames)) if aligned else Reading(np.stack(frames))
  )
  counts['inverted'] += len(frames) - len(reading.frames)
  reading.too_small = counts['too small']
  reading.refused = refused
  reading.remarks = _remarks(
    total, len(reading.frames), counts['inverted'], counts['alpha']
  )
  return reading


def _read_aligned(paths):
  """Frames of the commonest of the two allowed sizes."""
  images, counts, refused = {}, collections.Counter(), []
  for path, image in _images(paths, counts, refused):
    if image.shape in SHAPES:
      images[path] = image
    else:
      reason = f'{_by(image.shape)} pixels, expected 64 x 64 or 64 x 44'
      refused.append((path, reason))
  sizes = collections.Counter(image.shape for image in images.values())
  usual = sizes.most_common(1)[0][0] if sizes else None
  for path in [p for p, image in images.items() if image.shape != usual]:
    size = _by(images.pop(path).shape)
    refused.append((path, f'{size} pixels among frames of {_by(usual)}'))
  return list(images.values()), counts, refused


def _align_each(paths):
  """Aligned frames of raw masks, each of its own size; keeps no raw mask."""
  frames, counts, refused = [], collections.Counter(), []
  for _, image in _images(paths, counts, refused):
    if alignment.has_white_border(alignment.to_grey(image)):
      counts['inverted'] += 1
      continue
    frame = alignment.align(image)
    if frame is None:
      counts['too small'] += 1
    else:
      frames.append(frame)
  return frames, counts, refused


def _images(paths, counts, refused):
  """Yields (path, mask) of the files that can be read; notes the others."""
  for path in paths:
    try:
      image, from_alpha = png.read(path)
    except (Refused, OSError) as error:
      refused.append((path, str(error)))
      continue
    counts['alpha'] += from_alpha
    yield path, image


def _why_empty(total, counts, refused):
  if counts['inverted']:
    return f'no silhouette: {counts["inverted"]} frames are {_INVERTED}'
  if refused:
    return f'no frame among {total} files, the first: {refused[0][1]}'
  return f'no usable silhouette in {total} frames'


def _remarks(total, kept, inverted=0, alpha=0):
  """Sentences about what happened to a sequence."""
  remarks = []
  if inverted:
    remarks.append(f'{inverted} of {total} frames left out: {_INVERTED}')
  if alpha:
    remarks.append(f'the masks of {alpha} frames are their alpha channel')
  if total - kept > _MOST_LOST * total:
    remarks.append(f'only {kept} of {total} frames can be used')
  return remarks


def _by(shape):
  return ' x '.join(map(str, shape))
