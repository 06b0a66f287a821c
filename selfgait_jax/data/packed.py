"""Stores a whole data set in one .npz file, readable without TensorFlow.

Silhouettes become black and white; each sequence is one zlib stream of bits,
eight pixels a byte.
"""

import concurrent.futures
import dataclasses
import os
import pathlib
import zlib
from collections.abc import Iterable

import numpy as np

from selfgait_jax import errors
from selfgait_jax.data import sequences, stored

_SIZE = 64
_THRESHOLD = 127  # brighter pixels are silhouette
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
  partial = path.with_name(path.name + '.partial')
  with open(partial, 'wb') as file:
    np.savez(
      file,
      name=name,
      blob=np.frombuffer(b''.join(blobs), np.uint8),
      ends=np.cumsum([len(blob) for blob in blobs]),
      **{f: np.array([getattr(r, f) for r in records]) for f in _FIELDS},
    )
  os.replace(partial, path)
  return path.stat().st_size


def read(path: str | pathlib.Path, name: str) -> list[stored.Record]:
  """Reads the records of a packed file, to be decoded by `decode`.

  Raises:
    errors.UserError: there is no packed file, or it holds another data set
      than `name`.
  """
  path = pathlib.Path(path).expanduser()
  try:
    with np.load(path) as file:
      content = {key: file[key] for key in ('name', 'blob', 'ends', *_FIELDS)}
  except Exception as error:  # a damaged archive can raise anything
    raise errors.UserError(
      f'expected a packed data set at {path}, found none ({error}); write it'
      ' with scripts/prepare_silhouettes.py --pack or change data.packed_file'
    ) from error
  if str(content['name']) != name:
    raise errors.UserError(
      f'expected {name} in {path}, found {content["name"]}; change data.name or'
      ' data.packed_file'
    )
  ends = content['ends'].tolist()
  columns = (content[field].tolist() for field in _FIELDS)
  return [
    stored.Record(*row, frames=content['blob'][start:end].tobytes())
    for *row, start, end in zip(*columns, [0, *ends[:-1]], ends, strict=True)
  ]


def decode(record: stored.Record) -> np.ndarray:
  """Decompresses a packed record: uint8 [T, 64, 64] of 0 and 255."""
  bits = np.frombuffer(zlib.decompress(record.frames), np.uint8)
  return np.unpackbits(bits).reshape(-1, _SIZE, _SIZE) * np.uint8(255)


def _pack(record):
  """The same record in black and white, its frames as bits."""
  white = stored.decode(record) > _THRESHOLD
  return dataclasses.replace(
    record,
    frames=zlib.compress(np.packbits(white)),
    fingerprint=sequences.pixel_fingerprint(white * np.uint8(255)),
  )
