"""Arrays out of pickle files without letting the file run anything."""

import functools
import io
import math
import pathlib
import pickle
import pickletools

import numpy as np

from selfgait_jax.data.prepare import silhouettes

_LARGEST_MEMO = 100_000  # the unpickler makes room for this many objects
_DTYPES = ('u1', 'b1', 'f2', 'f4', 'f8')


def read_array(path: pathlib.Path) -> np.ndarray:
  """The one NumPy array of a pickle, of type uint8, bool or float.

  NumPy's own functions are not called either: stand-ins note what the file
  says, and the array is built from that after all of it was checked.

  Raises:
    silhouettes.Refused: the file is damaged, too large, holds something else
      than such an array, or asks for any function beyond NumPy's arrays.
  """
  content = silhouettes.read_file(path)
  try:
    for opcode, argument, _ in pickletools.genops(content):
      if opcode.name in ('PUT', 'LONG_BINPUT') and argument > _LARGEST_MEMO:
        raise silhouettes.Refused(f'memo of {argument} objects')
    found = _Unpickler(io.BytesIO(content)).load()
  except silhouettes.Refused:
    raise
  except Exception as error:  # a damaged pickle can raise anything
    raise silhouettes.Refused(f'not a complete pickle ({error})') from error
  if not isinstance(found, _Array):
    raise silhouettes.Refused(
      f'holds a {type(found).__name__}, not a NumPy array'
    )
  return found.build()


class _Unpickler(pickle.Unpickler):
  """Knows the stand-ins below and refuses every other name."""

  def find_class(self, module, name):
    stand_in = _STAND_INS.get(f'{module}.{name}'.replace('._core.', '.core.'))
    if stand_in is None:
      raise silhouettes.Refused(
        f'the pickle asks for {module}.{name}; only arrays are allowed'
      )
    # Wrapped anew, so that no file can alter it for the next.
    return functools.partial(stand_in)


class _Dtype:
  """What the file says of the element type."""

  def __init__(self, code, *_):
    self.code, self.byte_order = code, '|'

  def __setstate__(self, state):
    self.byte_order = state[1]


class _Array:
  """What the file says of the array."""

  def __init__(self, *_):
    self.shape = self.dtype = self.data = None
    self.order = 'C'

  def __setstate__(self, state):
    _, self.shape, self.dtype, fortran, self.data = state
    self.order = 'F' if fortran else 'C'

  def build(self) -> np.ndarray:
    code = getattr(self.dtype, 'code', None)
    if code not in _DTYPES:
      raise silhouettes.Refused(
        f'elements of type {code}, expected uint8, bool or float'
      )
    if self.dtype.byte_order not in ('|', '<', '>', '='):
      raise silhouettes.Refused('unknown byte order')
    dtype = np.dtype(code).newbyteorder(self.dtype.byte_order)
    if not (
      isinstance(self.data, (bytes, bytearray))
      and isinstance(self.shape, tuple)
      and all(type(n) is int and n >= 0 for n in self.shape)
      and math.prod(self.shape) * dtype.itemsize == len(self.data)
    ):
      raise silhouettes.Refused('the array does not fit its stated shape')
    flat = np.frombuffer(self.data, dtype)
    return flat.reshape(self.shape, order='F' if self.order == 'F' else 'C')


def _from_buffer(data, dtype, shape, order):
  """What protocol 5 writes instead of `_reconstruct`."""
  array = _Array()
  array.data, array.dtype, array.shape, array.order = data, dtype, shape, order
  return array


def _encode(text, encoding):
  """How protocols 0 to 2 write bytes."""
  if encoding != 'latin1':
    raise silhouettes.Refused(f'text in {encoding!r}')
  return text.encode('latin1')


_STAND_INS = {
  'numpy.core.multiarray._reconstruct': _Array,
  'numpy.core.numeric._frombuffer': _from_buffer,
  'numpy.ndarray': _Array,
  'numpy.dtype': _Dtype,
  '_codecs.encode': _encode,
}
