"""Masks out of .npy, .npz and pickle files, one frame at a time.

What a file claims is checked before memory is taken, and objects are never
unpickled.
"""

import math
import os
import pathlib
import zipfile
from collections.abc import Iterator

import numpy as np
from numpy.lib import format as npy

from selfgait_jax import errors
from selfgait_jax.data.prepare import pickles, png, silhouettes
from selfgait_jax.data.prepare.reading import Refused

_SUFFIXES = ('.npy', '.npz', '.pkl')
_LARGEST = 4 * 2**30  # bytes of an array
_SIDE = png.LARGEST_SIDE
_HEADERS = {
  (1, 0): npy.read_array_header_1_0,
  (2, 0): npy.read_array_header_2_0,
}
CUT = 'the file ends too early'


def is_array(path: str) -> bool:
  return path.lower().endswith(_SUFFIXES)


def is_archive(path: str) -> bool:
  return path.lower().endswith('.npz')


def members(path: str) -> list[str]:
  """Names of the arrays in a .npz file, in the order of the file.

  Raises:
    Refused: the file is damaged or has no arrays.
    OSError: it cannot be read.
  """
  with Archives() as archives:
    names = archives.open(path).namelist()
  names = [n.removesuffix('.npy') for n in names if n.endswith('.npy')]
  if not names:
    raise Refused('a .npz file without arrays')
  return names


class Archives:
  """Keeps the last .npz file open: its directory may list 50,000 arrays."""

  def __init__(self):
    self._path, self._archive = None, None

  def __enter__(self):
    return self

  def __exit__(self, *_):
    if self._archive:
      self._archive.close()

  def open(self, path: str) -> zipfile.ZipFile:
    """Raises Refused or OSError."""
    if path != self._path:
      self.__exit__()
      self._path, self._archive = None, None
      _expect_file(path)
      try:
        self._archive = zipfile.ZipFile(path)
      except OSError:
        raise
      except Exception as error:  # a damaged archive can raise anything
        raise _damaged(error) from error
      self._path = path
    return self._archive


def read(
  path: str, member: str, archives: Archives
) -> Iterator[np.ndarray | str]:
  """Yields the frames of an array [T, H, W], or what is wrong with a frame.

  Args:
    path: of the file.
    member: name of the array in a .npz file; '' for other files.
    archives: where .npz files are opened.

  Raises:
    Refused: there are no masks in it, or too many.
    OSError: the file cannot be read.
  """
  _expect_file(path)
  if path.lower().endswith('.pkl'):
    array = pickles.read_array(pathlib.Path(path))
    _check(array.shape, array.dtype)
    yield from array
    return
  try:
    if member:
      archive = archives.open(path)
      with archive.open(f'{member}.npy') as stream:
        yield from _frames(stream)
    else:
      with open(path, 'rb') as stream:
        yield from _frames(stream)
  except (Refused, OSError):
    raise
  except Exception as error:
    raise _damaged(error) from error


def _frames(stream):
  """The frames of a stream in NumPy's format."""
  version = npy.read_magic(stream)
  if version not in _HEADERS:
    raise Refused(f'version {version} of the .npy format, expected 1 or 2')
  shape, fortran, dtype = _HEADERS[version](stream)
  _check(shape, dtype)
  if fortran:  # the frames are not one after another
    content = stream.read(math.prod(shape) * dtype.itemsize)
    if len(content) < math.prod(shape) * dtype.itemsize:
      raise Refused(CUT)
    yield from np.frombuffer(content, dtype).reshape(shape, order='F')
    return
  size = math.prod(shape[1:]) * dtype.itemsize
  for _ in range(shape[0]):
    content = stream.read(size)
    if len(content) == size:
      yield np.frombuffer(content, dtype).reshape(shape[1:])
    else:
      yield CUT


def _check(shape, dtype):
  """Raises Refused unless an array of this shape and type can be a clip."""
  if len(shape) == 4:
    raise Refused(
      f'an array of shape {_by(shape)}, expected [T, H, W]; save every clip as '
      'an array of its own, and colour as one channel'
    )
  if len(shape) != 3 or not 0 < min(shape[1:]) <= max(shape[1:]) <= _SIDE:
    raise Refused(
      f'an array of shape {_by(shape)}, expected [T, H, W] with H and W up to '
      f'{_SIDE}'
    )
  if not 0 < shape[0] <= silhouettes.MOST_FRAMES:
    raise Refused(
      f'{shape[0]:,} frames, expected 1 to {silhouettes.MOST_FRAMES:,}'
    )
  if dtype.kind not in 'buif':
    raise Refused(f'elements of type {dtype}, expected uint8, bool or float')
  if math.prod(shape) * dtype.itemsize > _LARGEST:
    raise Refused(f'an array of more than {_LARGEST // 2**30} GiB')


def _expect_file(path):
  if not os.path.isfile(path):  # reading a named pipe would wait for ever
    raise Refused('not a file that can be read')


def _damaged(error):
  return Refused(f'not a NumPy file ({errors.first_line(error)})')


def _by(shape):
  return errors.printable(' x '.join(map(str, shape)) or 'no axis', 60)
