"""Damaged and hostile weight files: {name: (bytes, words of the refusal)}."""

import json
import struct
import zipfile

import numpy as np
import torch_files
from torch_files import plain, tensor, text

TENSORS = {
  'a': np.arange(600, dtype=np.float32).reshape(20, 30),
  'b': np.arange(3, dtype=np.float16),
  'n': np.array(7),
  # Cannot be compressed: torch would read the others out of it.
  'z': np.random.default_rng(0).random(900, np.float32),
}
WHOLE = torch_files.zip_file(TENSORS)
LEGACY = torch_files.legacy_file(TENSORS)
HEAD = b'\x80\x02'


def safetensors_file(header, numbers: bytes = bytes(8)) -> bytes:
  """A safetensors file with this header, JSON text or what becomes JSON."""
  if not isinstance(header, bytes):
    header = json.dumps(header).encode()
  return struct.pack('<Q', len(header)) + header + numbers


def _zip(**changes):
  """The whole file with other records; None leaves one out."""
  records = {'data.pkl': torch_files.state_dict(TENSORS)}
  records |= {f'data/{k}': array.tobytes() for k, array in TENSORS.items()}
  records |= {k.replace('__', '/'): v for k, v in changes.items()}
  kept = {k: v for k, v in records.items() if v is not None}
  return torch_files.archive(kept)


def _pickle(content):
  return torch_files.archive({'data.pkl': HEAD + content + b'.'})


def _claims(**claims):
  """A tensor of three numbers that claims something else."""
  array = TENSORS['b']
  content = HEAD + b'}' + text('b') + tensor('b', array, **claims) + b's.'
  return torch_files.archive({'data.pkl': content, 'data/b': array.tobytes()})


def _flipped(content, part):
  place = content.index(part) + 3
  return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def _doubled(levels):
  """A dictionary with the one before twice, so that each level is twice as
  large. What is left on the stack does not matter.
  """
  content = b'}q\0'
  for level in range(levels):
    get = bytes([ord('h'), level])
    pair = text('a') + get + text('b') + get
    content += b'}(' + pair + b'uq' + bytes([level + 1])
  return content


def _deep(levels):
  return b'}' + (text('a') + b'}') * levels + b's' * levels


def _unzipped_and_zipped():
  """As `unzip` and `zip -r` leave it: what shrinks is compressed."""
  records = {'data.pkl': torch_files.state_dict(TENSORS)}
  records |= {f'data/{k}': array.tobytes() for k, array in TENSORS.items()}
  return torch_files.archive(records, compressed=['data/a'])


def _entry(**changes):
  entry = {'dtype': 'F32', 'shape': [2], 'data_offsets': [0, 8]} | changes
  return safetensors_file({'a': entry})


TORCH = {
  'compressed': (torch_files.zip_file(TENSORS, zipfile.ZIP_DEFLATED), 'packed'),
  'one compressed': (_unzipped_and_zipped(), 'data/a is compressed'),
  'bomb': (
    torch_files.archive({'data.pkl': bytes(50 << 20)}, zipfile.ZIP_DEFLATED),
    'packed again',
  ),
  'emptied': (_zip(data__a=b''), 'record a has 0 bytes of 2400'),
  'short': (_zip(data__a=bytes(2396)), 'record a has 2396 bytes of 2400'),
  'lost': (_zip(data__a=None), 'record a has 0 bytes of 2400'),
  'no pickle': (_zip(**{'data.pkl': None}), 'it holds archive/data/a'),
  'huge pickle': (_zip(**{'data.pkl': bytes(33 << 20)}), 'contents of 35 MB'),
  'script': (_zip(**{'constants.pkl': b''}), 'TorchScript'),
  'flipped number': (_flipped(WHOLE, TENSORS['a'].tobytes()), 'CRC'),
  'flipped shape': (_flipped(WHOLE, b'K\x14K\x1e'), 'damaged'),
  'cut': (WHOLE[:-30], 'damaged'),
  'names': (WHOLE.replace(b'data/a', b'\xff\xfe\n\x1b[2'), 'damaged'),
  'doubled': (_pickle(_doubled(28)), 'more than 200,000 values'),
  'itself': (_pickle(b'}q\0' + text('a') + b'h\0s'), 'nested more than'),
  'deep': (_pickle(_deep(50_000)), 'nested more than'),
  'expanded': (_claims(shape=(10**9,), strides=(0,)), 'repeats its numbers'),
  'expanded storage': (
    _claims(count=10**9, shape=(10**9,), strides=(1,)),
    'record b has 6 bytes of 2000000000',
  ),
  'outside': (_claims(offset=2), 'larger than its record'),
  'negative': (_claims(offset=-1), 'damaged'),
  'huge shape': (_claims(shape=(0, 10**30), strides=(1, 1)), 'damaged'),
  'dimensions': (_claims(shape=(1,) * 65, strides=(1,) * 65), '65 dimensions'),
  'views': (
    _zip(
      **{
        'data.pkl': HEAD
        + b'}(X\1\0\0\0a'
        + tensor('a', TENSORS['a'])
        + b'q\1'
        + b''.join(text(str(i)) + b'h\1' for i in range(9))
        + b'u.'
      }
    ),
    'tensors of 6,000 numbers',
  ),
  'two ways': (
    _zip(
      **{
        'data.pkl': HEAD
        + b'}('
        + text('a')
        + tensor('a', TENSORS['a'])
        + text('c')
        + tensor('a', TENSORS['b'])
        + b'u.'
      }
    ),
    'in two ways',
  ),
  'colliding keys': (
    _pickle(
      b'}('
      + b''.join(plain(i * (2**61 - 1)) + b'N' for i in range(1, 60_000))
      + b'u'
    ),
    'a key that is no string',
  ),
  'many steps': (_pickle(b'N' * 300_001), '300,000 instructions'),
  'copies': (
    _pickle(
      b'}('
      + b''.join(text(str(i)) + b'N' for i in range(2000))
      + b'uq\0'
      + b'ccollections\nCounter\nq\1h\0\x85q\2'
      + b'h\1h\2R' * 1000
    ),
    '300,000 instructions',
  ),
  'protocol': (_pickle(b'\x80\xff}'), 'protocol 255'),
  'digits': (_pickle(b'I' + b'9' * 5000 + b'\n'), 'damaged'),
  'code': (_pickle(b'cposix\nmkdir\n' + text('x') + b'\x85R'), 'posix.mkdir'),
  'lying name': (
    _pickle(b'cposix\nmkdir\x1b[2K\r' + b'x' * 9000 + b'\n'),
    r'posix.mkdir\x1b[2K\r',
  ),
  'method': (_pickle(b'}b'), 'damaged'),
  'list': (_pickle(b']'), 'a list instead'),
  'long key': (
    torch_files.zip_file({'k' * 5000: TENSORS['n']}),
    'a key of 5,000 characters',
  ),
  'legacy pickle': (HEAD + b'}.', 'damaged'),
  'legacy other': (HEAD + b'}.' * 4, 'did not write'),
  'legacy cut': (LEGACY[:-3], 'too short'),
  'legacy flipped': (_flipped(LEGACY, b'\x58\2\0\0\0\0\0\0'), 'too short'),
  'legacy keys': (LEGACY.replace(b']q\0(X', b']q\0(N'), 'damaged'),
  'legacy protocol': (b'\x80\xff}.', 'protocol 255'),
}
SAFETENSORS = {
  'no object': (safetensors_file(b'{]'), 'damaged'),
  'brackets': (safetensors_file(b'{"a":' + b'[' * 100_000), 'damaged'),
  'not utf-8': (safetensors_file(b'{"\xff\xfe": 1}'), 'damaged'),
  'digits': (_entry(shape=[int('9' * 4000)]), 'damaged'),
  'types': (_entry(shape={'a': 'b'}), 'damaged'),
  'float8': (
    _entry(dtype='F8_E4M3', shape=[8]),
    'a of the unsupported dtype F8_E4M3',
  ),
  'float4': (_entry(dtype='F4', shape=[16]), 'F4'),
  'unknown': (_entry(dtype='F7'), 'damaged'),
  'overflow': (_entry(shape=[2**62, 2**62]), 'damaged'),
  'empty overflow': (
    _entry(shape=[0, 2**62, 4], data_offsets=[0, 0]),
    'damaged',
  ),
  'dimensions': (_entry(shape=[2] + [1] * 70), 'damaged'),
  'outside': (_entry(data_offsets=[8, 16]), 'damaged'),
  'iteration': (
    safetensors_file(
      {
        '__metadata__': {'iteration': '9' * 5000},
        'a': {'dtype': 'F32', 'shape': [2], 'data_offsets': [0, 8]},
      }
    ),
    'the iteration',
  ),
  'power': (
    safetensors_file(
      {
        '__metadata__': {'iteration': '4²'},
        'a': {'dtype': 'F32', 'shape': [2], 'data_offsets': [0, 8]},
      }
    ),
    'the iteration',
  ),
  'long header': (struct.pack('<Q', 99_999_999) + b'{' + bytes(99), 'another'),
}
