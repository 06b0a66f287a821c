"""Writes PyTorch's files without torch, whole or damaged on purpose."""

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np

KINDS = {'float32': 'Float', 'float16': 'Half', 'int64': 'Long'}


def zip_file(
  tensors: Mapping[str, np.ndarray], compression: int = zipfile.ZIP_STORED
) -> bytes:
  """A file of PyTorch 1.6 or later.

  Args:
    tensors: the state dict.
    compression: of the records; torch.save never compresses.
  """
  records = {f'data/{key}': array.tobytes() for key, array in tensors.items()}
  return archive({'data.pkl': state_dict(tensors), **records}, compression)


def archive(
  records: Mapping[str, bytes],
  compression: int = zipfile.ZIP_STORED,
  compressed: Sequence[str] = (),
) -> bytes:
  """A zip archive with these records, and a version, in a folder `archive`.

  Args:
    records: {name: content}.
    compression: of all records.
    compressed: names of records that are deflated all the same.
  """
  stream = io.BytesIO()
  with zipfile.ZipFile(stream, 'w', compression) as file:
    for name, content in {**records, 'version': b'3\n'}.items():
      deflated = zipfile.ZIP_DEFLATED if name in compressed else None
      file.writestr(f'archive/{name}', content, deflated)
  return stream.getvalue()


def legacy_file(tensors: Mapping[str, np.ndarray]) -> bytes:
  """A file of PyTorch before 1.6."""
  heads = 0x1950A86A20F9469CFC6C, 1001, {'little_endian': True}
  parts = [pickle.dumps(head, 2) for head in heads]
  parts += [state_dict(tensors, True), pickle.dumps(list(tensors), 2)]
  for array in tensors.values():
    parts += [struct.pack('<q', array.size), array.tobytes()]
  return b''.join(parts)


def state_dict(
  tensors: Mapping[str, np.ndarray], legacy: bool = False
) -> bytes:
  """The pickle of a state dict; the name of a record is the tensor's key."""
  items = [
    text(key) + tensor(key, array, legacy) for key, array in tensors.items()
  ]
  return b'\x80\x02}(' + b''.join(items) + b'u.'


def tensor(
  key: str, array: np.ndarray, legacy: bool = False, **claims
) -> bytes:
  """The instructions that build a tensor.

  Args:
    key: the name of its record.
    array: the tensor.
    legacy: as before PyTorch 1.6.
    **claims: `count`, `offset`, `shape` or `strides` that differ from it.
  """
  strides = tuple(s // array.itemsize for s in array.strides)
  claims = dict(count=array.size, offset=0, shape=array.shape) | claims
  kind = f'ctorch\n{KINDS[array.dtype.name]}Storage\n'.encode()
  storage = b'(' + text('storage') + kind + text(key) + text('cpu')
  return (
    b'ctorch._utils\n_rebuild_tensor_v2\n('
    + storage
    + plain(claims['count'])
    + (b'NtQ' if legacy else b'tQ')
    + plain(claims['offset'])
    + plain(claims['shape'])
    + plain(claims.get('strides', strides))
    + b'\x89ccollections\nOrderedDict\n)RtR'
  )


def text(value: str) -> bytes:
  """The instruction for a string."""
  encoded = value.encode('utf-8', 'surrogatepass')
  return b'X' + struct.pack('<I', len(encoded)) + encoded


def plain(value) -> bytes:
  """The instructions for a number or a tuple of numbers."""
  if isinstance(value, tuple):
    return b'(' + b''.join(map(plain, value)) + b't'
  return pickle.dumps(value, 2)[2:-1]
