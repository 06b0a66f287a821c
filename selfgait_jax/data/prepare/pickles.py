"""Arrays out of pickle files, without Python's unpickler.

A pickle is a program for a stack machine. This one knows the few instructions
and the few names that NumPy writes for an array; it calls nothing, and refuses
a file at the first instruction that does not belong there.
"""

import math
import pathlib
import pickletools

import numpy as np

from selfgait_jax.data.prepare.reading import Refused, read_file

_MOST_INSTRUCTIONS = 500  # an array takes about 50
_LARGEST_MEMO = 1000
_LARGEST_NUMBER = 2**40
_MOST_AXES = 32
_LONGEST_TEXT = 200  # characters quoted or compared
_DTYPES = ('u1', 'b1', 'f2', 'f4', 'f8')
_BYTE_ORDERS = ('|', '<', '>', '=')
_MARK = object()

_RECONSTRUCT = 'numpy.core.multiarray._reconstruct'
_FROM_BUFFER = 'numpy.core.numeric._frombuffer'
_NDARRAY = 'numpy.ndarray'
_DTYPE = 'numpy.dtype'
_ENCODE = '_codecs.encode'
_NAMES = (_RECONSTRUCT, _FROM_BUFFER, _NDARRAY, _DTYPE, _ENCODE)

_IGNORED = {'PROTO', 'FRAME'}
_CONSTANTS = {'NONE': None, 'NEWTRUE': True, 'NEWFALSE': False}
_NUMBERS = {'INT', 'BININT', 'BININT1', 'BININT2', 'LONG', 'LONG1', 'LONG4'}
_DATA = {
  'BINBYTES', 'SHORT_BINBYTES', 'BINBYTES8', 'BYTEARRAY8',
  'UNICODE', 'BINUNICODE', 'SHORT_BINUNICODE', 'BINUNICODE8',
}  # fmt: skip
_TUPLES = {'EMPTY_TUPLE': 0, 'TUPLE1': 1, 'TUPLE2': 2, 'TUPLE3': 3}
_PUTS = {'PUT', 'BINPUT', 'LONG_BINPUT'}
_GETS = {'GET', 'BINGET', 'LONG_BINGET'}
_OTHER_TYPES = {
  'EMPTY_LIST': 'list', 'LIST': 'list', 'EMPTY_DICT': 'dict', 'DICT': 'dict',
  'EMPTY_SET': 'set', 'FROZENSET': 'frozenset', 'FLOAT': 'float',
  'BINFLOAT': 'float',
}  # fmt: skip


def read_array(path: pathlib.Path) -> np.ndarray:
  """The one NumPy array of a pickle, of type uint8, bool or float.

  Raises:
    Refused: the file is damaged, too large, holds anything else than such an
      array, or asks for any function beyond those of NumPy's arrays.
    OSError: the file cannot be read.
  """
  content = read_file(path)
  try:
    found = _run(content)
    if not isinstance(found, _Array):
      raise Refused(f'holds a {type(found).__name__}, not a NumPy array')
    return found.build()
  except (Refused, MemoryError):
    raise
  except Exception as error:  # a damaged pickle can raise anything
    raise Refused(f'not a complete pickle ({error})') from error


class _Name(str):
  """One of `_NAMES`, where the file asks for that function or class."""


class _Encoded:
  """Bytes as protocols 0 to 2 write them: text that is to be encoded."""

  def __init__(self, text, encoding):
    if not isinstance(text, str) or encoding != 'latin1':
      raise Refused(f'text in {_shown(encoding)}')
    self.text = text


class _Dtype:
  """What the file says of the element type."""

  def __init__(self, code, *_):
    if code not in _DTYPES:
      raise Refused(
        f'elements of type {_shown(code)}, expected uint8, bool or float'
      )
    self.code, self.byte_order = code, '|'

  def set_state(self, _, byte_order, *others):
    if byte_order not in _BYTE_ORDERS:
      raise Refused('unknown byte order')
    self.byte_order = byte_order


class _Array:
  """What the file says of the array."""

  def __init__(self, data=None, dtype=None, shape=None, order='C'):
    self.data, self.dtype, self.shape, self.order = data, dtype, shape, order

  def set_state(self, _, shape, dtype, fortran, data):
    self.__init__(data, dtype, shape, 'F' if fortran is True else 'C')

  def build(self) -> np.ndarray:
    if not isinstance(self.dtype, _Dtype):
      raise Refused('an array without an element type')
    if isinstance(self.data, _Encoded):
      self.data = self.data.text.encode('latin1')
    dtype = np.dtype(self.dtype.code).newbyteorder(self.dtype.byte_order)
    if not (
      isinstance(self.data, (bytes, bytearray))
      and isinstance(self.shape, tuple)
      and len(self.shape) <= _MOST_AXES
      and all(type(n) is int and n >= 0 for n in self.shape)
      and math.prod(self.shape) * dtype.itemsize == len(self.data)
    ):
      raise Refused('the array does not fit its stated shape')
    if not self.data:
      raise Refused('an array without elements')
    flat = np.frombuffer(self.data, dtype)
    return flat.reshape(self.shape, order='F' if self.order == 'F' else 'C')


def _run(content):
  """What the pickle leaves on the stack, with stand-ins for NumPy's objects."""
  stack, memo = [], {}
  for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
    name = opcode.name
    if count >= _MOST_INSTRUCTIONS:
      raise Refused(f'more than {_MOST_INSTRUCTIONS} instructions')
    if name == 'STOP':
      return stack.pop()
    if name in _PUTS or name == 'MEMOIZE':
      place = len(memo) if name == 'MEMOIZE' else argument
      if not 0 <= place < _LARGEST_MEMO:
        raise Refused(f'memo of {_shown(place)} objects')
      memo[place] = stack[-1]
    elif name in _GETS:
      stack.append(memo[argument])
    elif name not in _IGNORED:
      _execute(name, argument, stack)
  raise Refused('not a complete pickle (no end)')


def _execute(name, argument, stack):
  """One instruction that only concerns the stack."""
  if name in _CONSTANTS:
    stack.append(_CONSTANTS[name])
  elif name in _NUMBERS:
    if abs(argument) > _LARGEST_NUMBER:
      raise Refused(f'a number beyond {_LARGEST_NUMBER:,}')
    stack.append(argument)
  elif name in _DATA:
    stack.append(argument)
  elif name == 'MARK':
    stack.append(_MARK)
  elif name == 'TUPLE':
    start = len(stack) - 1 - stack[::-1].index(_MARK)
    stack[start:] = [tuple(stack[start + 1 :])]
  elif name in _TUPLES:
    start = len(stack) - _TUPLES[name]
    stack[start:] = [tuple(stack[start:])]
  elif name == 'GLOBAL':
    stack.append(_name(*argument.split(' ', 1)))
  elif name == 'STACK_GLOBAL':
    function, module = stack.pop(), stack.pop()
    stack.append(_name(module, function))
  elif name == 'REDUCE':
    arguments, function = stack.pop(), stack.pop()
    stack.append(_call(function, arguments))
  elif name == 'BUILD':
    state, target = stack.pop(), stack[-1]
    if not isinstance(target, (_Array, _Dtype)):
      raise Refused('sets attributes of something else than an array')
    target.set_state(*state)
  elif name in _OTHER_TYPES:
    raise Refused(f'holds a {_OTHER_TYPES[name]}, not a NumPy array')
  else:
    raise Refused(f'instruction {name}; only arrays are allowed')


def _name(module, function):
  name = f'{_shown(module)}.{_shown(function)}'
  known = name.replace('._core.', '.core.')
  if known not in _NAMES:
    raise Refused(f'the pickle asks for {name}; only arrays are allowed')
  return _Name(known)


def _call(function, arguments):
  """A stand-in for what NumPy's function would return."""
  if not isinstance(function, _Name) or not isinstance(arguments, tuple):
    raise Refused('calls something else than a function of arrays')
  if function == _RECONSTRUCT:
    return _Array()
  if function == _FROM_BUFFER:  # protocol 5
    return _Array(*arguments)
  if function == _DTYPE:
    return _Dtype(*arguments)
  if function == _ENCODE:
    return _Encoded(*arguments)
  raise Refused(f'calls {function}')


def _shown(value):
  """Text for a message; never follows a container, which may hold itself."""
  if isinstance(value, str):
    return value[:_LONGEST_TEXT]
  return str(value) if type(value) is int else f'a {type(value).__name__}'
