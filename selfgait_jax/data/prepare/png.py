"""Masks out of PNG files, checked before they are decoded."""

import pathlib
import struct
import zlib

import cv2
import numpy as np

from selfgait_jax.data.prepare.reading import Refused, read_file

LARGEST_SIDE = 4096  # pixels
_LARGEST_FILE = 32 * 2**20  # bytes
_LARGEST_IMAGE = 100 * 2**20  # bytes, decoded
_MOST_CHUNKS = 10_000
_START = b'\x89PNG\r\n\x1a\n'
_NEEDED = (b'IHDR', b'PLTE', b'tRNS', b'IDAT', b'IEND')
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
# (first row, first column, row step, column step) of Adam7's passes.
_PASSES = (
  (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2),
  (0, 1, 2, 2), (1, 0, 2, 1),
)  # fmt: skip


def read(path: pathlib.Path) -> tuple[np.ndarray, bool]:
  """Reads the mask of a PNG file.

  Returns:
    uint8 [H, W]; whether it comes from the alpha channel. It does if alpha
    varies over the image; otherwise the grey values are the mask.

  Raises:
    Refused: not a PNG, damaged, or too large.
    OSError: the file cannot be read.
  """
  content, has_alpha = _checked(read_file(path, _LARGEST_FILE))
  grey = _decode(content, cv2.IMREAD_GRAYSCALE)
  if has_alpha:
    alpha = _alpha(content)
    if alpha.min() < alpha.max():
      return alpha, True
    if not alpha.any() and grey.min() == grey.max():
      return np.zeros_like(grey), False  # transparent: nobody can be seen
  return grey, False


def _checked(content):
  """The chunks that make up the picture, and whether one may hold alpha.

  Everything else (text, colour profiles, animation) is dropped, so that the
  decoder meets nothing that was not checked here.
  """
  if not content.startswith(_START) or len(content) < 33:
    raise Refused('not a PNG')
  kept, at = [_START], len(_START)
  header, pixels, transparent = None, None, False
  for _ in range(_MOST_CHUNKS):
    if len(content) - at < 12:
      raise Refused('a damaged PNG (it ends too early)')
    length, kind = struct.unpack_from('>I4s', content, at)
    end = at + 12 + length
    if end > len(content):
      raise Refused(
        f'a damaged PNG (a part of {length:,} bytes in a file of'
        f' {len(content):,})'
      )
    data = memoryview(content)[at + 8 : end - 4]
    if header is None:
      header, expected = _read_header(kind, data)
      pixels = _Counter(expected)
    elif kind == b'IHDR':
      raise Refused('a damaged PNG (two headers)')
    if kind == b'IDAT':
      pixels.add(data)
    transparent = transparent or kind == b'tRNS'
    if kind in _NEEDED:
      kept.append(content[at:end])
      if zlib.crc32(kept[-1][4:-4]) != int.from_bytes(kept[-1][-4:], 'big'):
        raise Refused('a damaged PNG (a wrong checksum)')
    if kind == b'IEND':
      pixels.check()
      return b''.join(kept), transparent or header in (4, 6)
    at = end
  raise Refused(f'a PNG of more than {_MOST_CHUNKS:,} parts')


def _read_header(kind, data):
  """Colour type and number of bytes of the decoded rows."""
  if kind != b'IHDR' or len(data) != 13:
    raise Refused('a damaged PNG (no header)')
  width, height, depth, colour, *_, interlaced = struct.unpack('>IIBBBBB', data)
  if max(width, height) > LARGEST_SIDE:
    raise Refused(f'{height} x {width} pixels, at most {LARGEST_SIDE} a side')
  if not width or not height or colour not in _CHANNELS or depth > 16:
    raise Refused('a damaged PNG (an impossible header)')
  passes = _PASSES if interlaced else ((0, 0, 1, 1),)
  expected = 0
  for row, column, down, across in passes:
    rows = -(-max(height - row, 0) // down)
    columns = -(-max(width - column, 0) // across)
    bits = columns * _CHANNELS[colour] * depth
    expected += rows * (1 + -(-bits // 8)) if columns else 0
  if expected > _LARGEST_IMAGE:
    raise Refused(f'{expected:,} bytes of pixels, at most {_LARGEST_IMAGE:,}')
  return colour, expected


class _Counter:
  """Unpacks compressed pixels to count them; stops at one too many."""

  def __init__(self, expected):
    self._left = expected
    self._stream = zlib.decompressobj()

  def add(self, data):
    if self._stream.eof:
      return  # decoders ignore what follows
    try:
      found = len(self._stream.decompress(data, self._left + 1))
    except zlib.error as error:
      raise Refused(f'a damaged PNG ({error})') from error
    self._left -= found
    if self._left < 0:
      raise Refused('a damaged PNG (more pixels than its header says)')

  def check(self):
    if self._left:
      raise Refused('a damaged PNG (fewer pixels than its header says)')


def _alpha(content):
  """uint8 [H, W]; 255 everywhere if there is no such channel after all."""
  image = _decode(content, cv2.IMREAD_UNCHANGED)
  if image.ndim < 3 or image.shape[2] != 4:
    return np.full(image.shape[:2], 255, np.uint8)
  alpha = image[..., 3]
  return (alpha >> 8).astype(np.uint8) if alpha.dtype == np.uint16 else alpha


def _decode(content, mode):
  try:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), mode)
  except cv2.error as error:
    raise Refused(f'a damaged PNG ({error.err})') from error
  if image is None:
    raise Refused('a damaged PNG')
  return image
