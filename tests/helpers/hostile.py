"""PNG and pickle files that are made to cost time or memory, or to deceive."""

import struct
import zlib


def header(height, width, depth=8, colour=0, interlaced=0):
  """Content of a PNG's first chunk."""
  return struct.pack('>IIBBBBB', width, height, depth, colour, 0, 0, interlaced)


def png(chunks):
  """A PNG of (kind, content) chunks, lengths and checksums right."""
  return b'\x89PNG\r\n\x1a\n' + b''.join(
    struct.pack('>I', len(data)) + kind + data
    + struct.pack('>I', zlib.crc32(kind + data))
    for kind, data in chunks
  )  # fmt: skip


def blank_png(height, width, depth=8, colour=0, interlaced=0, more=0):
  """A black PNG whose pixels are `more` bytes longer than they should be."""
  channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
  grids = [(height, width)]
  if interlaced:
    grids = [
      (len(range(row, height, down)), len(range(column, width, across)))
      for row, column, down, across in (
        (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4),
        (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1),
      )
    ]  # fmt: skip
  size = sum(
    rows * (1 + (columns * channels * depth + 7) // 8)
    for rows, columns in grids
    if columns
  )
  return png(
    [
      (b'IHDR', header(height, width, depth, colour, interlaced)),
      (b'IDAT', zlib.compress(bytes(size + more))),
      (b'IEND', b''),
    ]
  )


def _with_chunk(kind, data, length=None):
  """A small PNG with one chunk more, whose stated length may be wrong."""
  content = blank_png(8, 8)
  chunk = png([(kind, data)])[8:]
  if length is not None:
    chunk = struct.pack('>I', length) + chunk[4:]
  return content[:33] + chunk + content[33:]


def _stream_of_a_gigabyte():
  packer = zlib.compressobj()
  start = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
  block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
  data = start + 1023 * block
  return png(
    [
      (b'IHDR', header(64, 64)),
      (b'IDAT', data + packer.flush()),
      (b'IEND', b''),
    ]
  )


PNGS = {
  'a chunk of 4 GB': lambda: _with_chunk(b'tEXt', b'', 0xF0000000),
  'a huge chunk in 51 bytes': lambda: (
    png([(b'IHDR', header(8, 8))]) + b'\xf0\0\0\0IDAT' + bytes(10)
  ),
  'too many bytes of pixels': lambda: png(
    [(b'IHDR', header(4096, 4096, 16, 6)), (b'IEND', b'')]
  ),
  'no pixels': lambda: png([(b'IHDR', header(8, 8)), (b'IEND', b'')]),
  'no end': lambda: blank_png(8, 8)[:-12],
  'two headers': lambda: _with_chunk(b'IHDR', header(4096, 4096)),
  'impossible colours': lambda: png([(b'IHDR', header(8, 8, 8, 5))]),
  'zero rows': lambda: png([(b'IHDR', header(0, 8))]),
  'a damaged stream': lambda: png(
    [(b'IHDR', header(8, 8)), (b'IDAT', b'abc'), (b'IEND', b'')]
  ),
  'a wrong checksum': lambda: (
    blank_png(8, 8)[:-16] + b'abcd' + blank_png(8, 8)[-12:]
  ),
}

LARGE_PNGS = {
  'a stream of 1 GB': _stream_of_a_gigabyte,
  '100,000 chunks': lambda: png(
    [(b'IHDR', header(8, 8)), *100_000 * [(b'tEXt', b'')], (b'IEND', b'')]
  ),
}

_ARRAY = (
  b'\x80\x02cnumpy.core.multiarray\n_reconstruct\n'
  b'cnumpy\nndarray\nK\x00\x85X\x01\0\0\0b\x87R'
)
_DTYPE = (
  b'cnumpy\ndtype\nX\x02\0\0\0u1K\x00K\x01\x87R'
  b'(K\x03X\x01\0\0\0|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb'
)


def array_pickle(shape=b'K\x01K\x01K\x01\x87', dtype=_DTYPE, data=b'\0'):
  """An array as protocol 2 to 4 write it, from the pickles of its parts."""
  return (
    _ARRAY + b'(K\x01' + shape + dtype + b'\x89'
    + b'B' + struct.pack('<I', len(data)) + data + b'tb.'
  )  # fmt: skip


def _number(value):
  data = value.to_bytes((value.bit_length() + 8) // 8, 'little')
  return b'\x8b' + struct.pack('<I', len(data)) + data  # LONG4


def _text(words):
  return b'X' + struct.pack('<I', len(words)) + words


# x = (x, x), 60 times: 2**60 items.
_NESTED = b'K\x01' + b''.join(b'q%ch%c\x86' % (n, n) for n in range(60))

PICKLES = {
  'a nested tuple as type': lambda: array_pickle(dtype=_NESTED),
  'a nested tuple as the name of a type': lambda: array_pickle(
    dtype=b'cnumpy\ndtype\n' + _NESTED + b'K\x00K\x01\x87R'
  ),
  'a nested tuple as shape': lambda: array_pickle(_NESTED),
  'a nested tuple as encoding': lambda: (
    b'\x80\x02c_codecs\nencode\n' + _text(b'a') + _NESTED + b'\x86R.'
  ),
  'a nested tuple as function': lambda: (
    b'\x80\x04' + _NESTED + _NESTED + b'\x93.'
  ),
  '65 dimensions': lambda: array_pickle(b'(' + 65 * b'K\x01' + b't'),
  'a shape of 0 and 10**30': lambda: array_pickle(
    b'K\x00' + _number(10**30) + b'\x86', data=b''
  ),
  'a shape of 0, 2**62 and 4': lambda: array_pickle(
    b'K\x00' + _number(2**62) + b'K\x04\x87', data=b''
  ),
  'no elements': lambda: array_pickle(b'K\x00K@K@\x87', data=b''),
  'a negative shape': lambda: array_pickle(
    b'J\xff\xff\xff\xffJ\xff\xff\xff\xff\x86'
  ),
  'a function as type': lambda: array_pickle(
    dtype=b'cnumpy.core.multiarray\n_reconstruct\n'
  ),
  'a function with attributes as type': lambda: array_pickle(
    dtype=b'cnumpy.core.multiarray\n_reconstruct\n'
    + b'(cnumpy.core.multiarray\n_reconstruct\n)}}'
    + _text(b'code')
    + _text(b'u1')
    + b'stb'
  ),
  'attributes of a function': lambda: (
    b'\x80\x02cnumpy.core.numeric\n_frombuffer\nN}Vspoiled\nNs\x86b.'
  ),
  'text of 5 GB in a few bytes': lambda: (
    b'\x80\x04\x8d' + struct.pack('<Q', 5 * 10**9) + b'abc.'
  ),
  'a frame of 2**62 bytes': lambda: (
    b'\x80\x04\x95' + struct.pack('<Q', 2**62) + b'N.'
  ),
  'a memo for two billion objects': lambda: b'\x80\x02Nr\xff\xff\xff\x7f.',
  'a line break in a name': lambda: (
    b'\x80\x04' + _text(b'x\nerror: all fine\n') + _text(b'y') + b'\x93.'
  ),
}

LARGE_PICKLES = {
  'a huge number, 300 times': lambda: array_pickle(
    b'(' + _number(1 << 80_000) + b'q\x07' + 300 * b'h\x07' + b't'
  ),
  'colliding keys': lambda: (
    b'\x80\x02}('
    + b''.join(_number(n * (2**61 - 1)) + b'N' for n in range(1, 60_000))
    + b'u.'
  ),
  'a name of 20 MB': lambda: b'c' + 20_000_000 * b'x' + b'\nsystem\n.',
  'a type of 20 MB': lambda: array_pickle(
    dtype=b'cnumpy\ndtype\n' + _text(20_000_000 * b'x') + b'\x85R'
  ),
  'a number of 5,000 digits': lambda: b'I' + 5000 * b'9' + b'\n.',
  'a million instructions': lambda: b'\x80\x02' + 500_000 * b'N0' + b'.',
}
