"""Reads the outline of a PyTorch pickle without torch and without running it.

A pickle is a program that builds objects. This module follows the few
instructions that PyTorch's files consist of, and calls nothing: containers,
numbers and strings come out as they are, tensors as a description. Work and
memory are bounded by the constants below, whatever the pickle says.
"""

import io
import math
import pickletools
from typing import Any, NamedTuple

from selfgait_jax import errors

MAX_BYTES = 32 << 20
MAX_STEPS = 300_000  # instructions, and items that they copy
MAX_DIMENSIONS = 32
MAX_KEY = 500  # characters
MAX_NUMBER = 1 << 62
# Storages of PyTorch's dtypes: bytes per number.
STORAGES = {
  'HalfStorage': 2,
  'BFloat16Storage': 2,
  'FloatStorage': 4,
  'DoubleStorage': 8,
  'LongStorage': 8,
  'IntStorage': 4,
  'ShortStorage': 2,
  'CharStorage': 1,
  'ByteStorage': 1,
  'BoolStorage': 1,
  'ComplexFloatStorage': 8,
  'ComplexDoubleStorage': 16,
}
_FUNCTIONS = (
  'collections OrderedDict',
  'collections Counter',
  'torch Size',
  'torch._utils _rebuild_tensor',
  'torch._utils _rebuild_tensor_v2',
  'torch._utils _rebuild_parameter',
  *(f'torch {name}' for name in STORAGES),
)


class Refused(ValueError):
  """The pickle is damaged or not one of PyTorch; the message says what it is.

  The message completes "found ...".
  """


class Storage(NamedTuple):
  """The numbers behind one or several tensors.

  Attributes:
    kind: a key of `STORAGES`.
    key: the name of its record in the file.
    count: how many numbers it has.
  """

  kind: str
  key: str
  count: int


class Tensor(NamedTuple):
  """A tensor that has not been read.

  Attributes:
    storage: where its numbers are.
    shape: its dimensions.
  """

  storage: Storage
  shape: tuple[int, ...]


class _Global(NamedTuple):
  name: str  # 'module name'


class _OrderedDict(dict):
  """The only object that may have a state (`_metadata` of a state dict)."""


def read(stream: io.BytesIO) -> Any:
  """Follows one pickle up to its end; the next may follow in the stream.

  Args:
    stream: holds the pickle; at most `MAX_BYTES` long.

  Returns:
    Nested dict, list, tuple, str, int, float, bool and None with `Tensor` and
    `Storage` in them. A container may occur in several places.

  Raises:
    Refused: the pickle is damaged or not one of PyTorch.
  """
  machine = _Machine()
  try:
    for opcode, argument, _ in pickletools.genops(stream):
      machine.follow(opcode.name, argument)
    return machine.stack.pop()
  except Refused:
    raise
  except (LookupError, TypeError, ValueError, AttributeError) as error:
    raise Refused('a pickle cut short or damaged') from error


class _Machine:
  """The stack and the memo of an unpickler."""

  def __init__(self):
    self.stack, self._below, self._memo = [], [], {}
    self._steps = 0

  def follow(self, name, argument):
    self._spend(1)
    stack = self.stack
    if name in ('BINPUT', 'LONG_BINPUT'):
      self._memo[argument] = stack[-1]
    elif name in ('BINGET', 'LONG_BINGET'):
      stack.append(self._memo[argument])
    elif name in _LITERALS:
      stack.append(argument)
    elif name in _CONSTANTS:
      stack.append(_CONSTANTS[name]())
    elif name == 'MARK':
      self._below.append(stack)
      self.stack = []
    elif name in ('TUPLE', 'TUPLE1', 'TUPLE2', 'TUPLE3'):
      count = int(name[5:]) if name[5:] else None
      self._push(tuple(self._pop(count)))
    elif name in ('APPEND', 'APPENDS'):
      items = self._pop(1 if name == 'APPEND' else None)
      _expect(type(self.stack[-1]) is list)
      self.stack[-1].extend(items)
    elif name in ('SETITEM', 'SETITEMS'):
      items = self._pop(2 if name == 'SETITEM' else None)
      _expect(isinstance(self.stack[-1], dict))
      _fill(self.stack[-1], zip(items[::2], items[1::2], strict=True))
    elif name == 'GLOBAL':
      stack.append(_global(argument))
    elif name == 'BINPERSID':
      stack.append(_storage(stack.pop()))
    elif name == 'REDUCE':
      function, arguments = self._pop(2)
      self._push(self._call(function, arguments))
    elif name == 'BUILD':
      state = stack.pop()
      _expect(type(stack[-1]) is _OrderedDict and isinstance(state, dict))
    elif name == 'PROTO':
      if argument != 2:
        raise Refused(f'a pickle of protocol {argument} instead of 2')
    elif name != 'STOP':
      raise Refused(
        f'a pickle with the instruction {name}, which PyTorch does not write'
      )

  def _spend(self, count):
    self._steps += count
    if self._steps > MAX_STEPS:
      raise Refused(f'a pickle of more than {MAX_STEPS:,} instructions')

  def _push(self, value):
    self.stack.append(value)

  def _pop(self, count):
    """The last `count` values, or all down to the last mark."""
    if count is None:
      items, self.stack = self.stack, self._below.pop()
      return items
    _expect(len(self.stack) >= count)
    items = self.stack[-count:]
    del self.stack[-count:]
    return items

  def _call(self, function, arguments):
    """What the function would return; nothing is called."""
    _expect(type(function) is _Global and type(arguments) is tuple)
    name = function.name.split(' ')[1]
    if name.startswith('_rebuild_tensor'):
      return _tensor(*arguments[:4])
    if name == '_rebuild_parameter':
      _expect(type(arguments[0]) is Tensor)
      return arguments[0]
    (items,) = arguments or ((),)
    self._spend(len(items))
    if name == 'Size':
      _expect(type(items) is tuple and all(map(_is_size, items)))
      return items
    _expect(name in ('OrderedDict', 'Counter'))
    content = _OrderedDict()
    pairs = items.items() if isinstance(items, dict) else items
    _fill(content, pairs)
    return content


_LITERALS = {
  'BININT',
  'BININT1',
  'BININT2',
  'BINFLOAT',
  'BINUNICODE',
  'SHORT_BINSTRING',
  'LONG1',
}
_CONSTANTS = {
  'NONE': lambda: None,
  'NEWTRUE': lambda: True,
  'NEWFALSE': lambda: False,
  'EMPTY_TUPLE': tuple,
  'EMPTY_LIST': list,
  'EMPTY_DICT': dict,
}


def _global(argument):
  if argument not in _FUNCTIONS:
    name = errors.printable(argument.replace(' ', '.'))
    raise Refused(f'a pickle that wants to run {name}, which was not done')
  return _Global(argument)


def _storage(identity):
  _expect(type(identity) is tuple and len(identity) >= 5)
  word, kind, key, _, count, *view = identity
  _expect(word == 'storage' and type(kind) is _Global and type(key) is str)
  kind = kind.name.split(' ')[1]
  _expect(kind in STORAGES and _is_size(count) and view in ([], [None]))
  return Storage(kind, key, count)


def _tensor(storage, offset, shape, strides):
  _expect(type(storage) is Storage and _is_size(offset))
  for sizes in (shape, strides):
    _expect(type(sizes) is tuple and all(map(_is_size, sizes)))
  _expect(len(shape) == len(strides))
  if len(shape) > MAX_DIMENSIONS:
    raise Refused(f'a tensor of {len(shape)} dimensions')
  numbers = math.prod(shape)
  last = sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
  if numbers > storage.count:
    raise Refused('a tensor that repeats its numbers (expanded)')
  if numbers and offset + last >= storage.count:
    raise Refused('a tensor that is larger than its record')
  return Tensor(storage, shape)


def _fill(content, pairs):
  """Sets items; refuses keys that could be made to collide, which is slow."""
  for key, value in pairs:
    if type(key) is str:
      if len(key) > MAX_KEY:
        shown = errors.printable(key, 60)
        raise Refused(f'a key of {len(key):,} characters ({shown})')
    elif type(key) is not int or abs(key) >= 1 << 32:
      raise Refused(
        f'a dictionary with a key that is no string ({type(key).__name__})'
      )
    content[key] = value


def _is_size(value):
  return type(value) is int and 0 <= value < MAX_NUMBER


def _expect(truth):
  if not truth:
    raise ValueError
