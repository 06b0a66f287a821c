"""Stores a whole data set in one .npz file, readable without TensorFlow.

Silhouettes become black and white; each sequence is one zlib stream of bits,
eight pixels a byte.
"""

import concurrent.futures
import dataclasses
import os
import pathlib
import zipfile
import zlib
from collections.abc import Iterable

import numpy as np

from selfgait_jax import errors
from selfgait_jax.data import sequences, stored
from selfgait_jax.machine import files

_SIZE = 64
_FRAME_BYTES = _SIZE * _SIZE // 8
_THRESHOLD = 127  # brighter pixels are silhouette
_DEFLATE_RATIO = 1032  # no zlib stream grows more than that
_MOST_FRAMES = 100_000  # of a sequence: more than an hour
_FIELDS = [f.name for f in dataclasses.fields(stored.Record)][:-1]


def write(
  records: Iterable[stored.Record], path: str | pathlib.Path, name: str
) -> int:
  """Packs the records of the data set `name`; returns the size in bytes."""
  with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    records = list(pool.map(_pack, records))
  blobs = [record.frames for record in records]
  path = pathlib.Path(path).expanduser()
  path.parent.mkdir(parents=True, exist_ok=True)
  with files.whole(path) as partial, open(partial, 'wb') as file:
    np.savez(
      file,
      name=name,
      blob=np.frombuffer(b''.join(blobs), np.uint8),
      ends=np.cumsum([len(blob) for blob in blobs]),
      **{f: np.array([getattr(r, f) for r in records]) for f in _FIELDS},
    )
  return path.stat().st_size


def _pack(record):
  """The same record in black and white, its frames as bits."""
  white = stored.decode(record) > _THRESHOLD
  return dataclasses.replace(
    record,
    frames=zlib.compress(np.packbits(white)),
    fingerprint=sequences.pixel_fingerprint(white * np.uint8(255)),
  )


def read(path: str | pathlib.Path, name: str) -> list[stored.Record]:
  """Reads the records of a packed file, to be decoded by `decode`.

  Raises:
    errors.UserError: there is no packed file, it is damaged, or it holds
      another data set than `name`.
  """
  try:
    content = _load(pathlib.Path(path).expanduser())
    found, records = content['name'].item(), _records(content)
  except Exception as error:  # a damaged archive can raise anything
    raise errors.UserError(
      f'expected a packed data set at {errors.printable(path)}, found none '
      f'({errors.first_line(error)}); write it with '
      'scripts/prepare_silhouettes.py --pack or change data.packed_file'
    ) from error
  if found != name:
    raise errors.UserError(
      f'expected {name} in {errors.printable(path)}, found '
      f'{errors.printable(found)}; change data.name or data.packed_file'
    )
  return records


def decode(record: stored.Record) -> np.ndarray:
  """Decompresses a packed record: uint8 [T, 64, 64] of 0 and 255.

  Raises:
    errors.UserError: the stream is damaged or has another number of frames.
  """
  size, stream = record.num_frames * _FRAME_BYTES, zlib.decompressobj()
  try:
    bits = stream.decompress(record.frames, size + 1)
  except zlib.error:
    bits = b''
  if len(bits) != size or not stream.eof:
    title = '/'.join((record.subject, record.condition, record.view))
    raise errors.UserError(
      f'expected {record.num_frames} frames of {errors.printable(title)} in '
      'the packed file, found a damaged stream; write it again with '
      'scripts/prepare_silhouettes.py --pack or change data.packed_file'
    )
  pixels = np.unpackbits(np.frombuffer(bits, np.uint8))
  pixels *= 255
  return pixels.reshape(-1, _SIZE, _SIZE)


def _load(path):
  """The arrays of the archive; ValueError if it is not one that `write` makes.

  `write` stores its arrays uncompressed, so what they take is limited by the
  size of the file.
  """
  if not path.is_file():  # reading from a pipe might never end
    raise ValueError('no file')
  with zipfile.ZipFile(path) as archive:
    for member in archive.infolist():
      if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError('a compressed archive')
      if member.file_size > path.stat().st_size:
        raise ValueError('an array larger than the file')
  with np.load(path) as file:
    return {key: file[key] for key in ('name', 'blob', 'ends', *_FIELDS)}


def _records(content):
  """Records from the arrays; ValueError if the arrays do not fit together."""
  _expect(content, 'name', 'U', 0)
  for field in ('ends', *_FIELDS):
    _expect(content, field, 'iu' if field in ('ends', 'num_frames') else 'U')
  blob, ends = content['blob'], content['ends'].tolist()
  if blob.dtype != np.uint8 or blob.ndim != 1:
    raise ValueError('a blob that is not of bytes')
  starts = [0, *ends[:-1]]
  if any(a >= b for a, b in zip(starts, ends, strict=True)) or (
    ends[-1:] != [len(blob)] and len(blob)
  ):
    raise ValueError('ends that do not divide the blob')
  columns = (content[field].tolist() for field in _FIELDS)
  records = [
    stored.Record(*row, frames=blob[start:end].tobytes())
    for *row, start, end in zip(*columns, starts, ends, strict=True)
  ]
  for record in records:
    most = _DEFLATE_RATIO * len(record.frames) // _FRAME_BYTES
    if not 0 < record.num_frames <= min(most, _MOST_FRAMES):
      raise ValueError('more or fewer frames than a sequence can have')
    for field in _FIELDS:
      str(getattr(record, field)).encode()  # fails for half a character
  if len({(r.subject, r.condition, r.view) for r in records}) < len(records):
    raise ValueError('two sequences of the same name')
  return records


def _expect(content, field, kinds, ndim=1):
  array = content[field]
  if array.ndim != ndim or (array.size and array.dtype.kind not in kinds):
    raise ValueError(f'{field} of another type or shape')
