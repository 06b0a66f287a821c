"""Checks a PyTorch file before torch opens it, without torch.

torch trusts a file: it maps compressed records as if they were numbers, reads
past short ones, ignores checksums, and expands what a small file claims. These
checks let only files through that hold exactly what they claim to hold.
"""

import io
import math
import pathlib
import struct
import zipfile

from selfgait_jax import errors
from selfgait_jax.convert import pickle_outline
from selfgait_jax.convert.pickle_outline import Refused, Tensor

MAX_RECORDS = 50_000
MAX_VALUES = 200_000  # in nested containers, counted wherever they occur
MAX_DEPTH = 50
MAX_SHARED = 4  # how often the tensors may use a number of the file
_BLOCK = 1 << 20
_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_ZIP_ERRORS = (
  zipfile.BadZipFile,
  EOFError,
  NotImplementedError,
  ValueError,
  struct.error,
)


def check_zip(path: pathlib.Path) -> None:
  """Checks a file of PyTorch 1.6 or later, a zip archive.

  Its records must be uncompressed, of the lengths that the tensors need and of
  the CRC-32 in the archive's directory. Files that were saved without checksums
  (all of them 0) pass without that check.

  Raises:
    Refused: the file is damaged, packed otherwise or no checkpoint.
    OSError: the file cannot be read.
  """
  size = path.stat().st_size
  try:
    with zipfile.ZipFile(path) as archive:
      records = _records(archive, size)
      root = _root(records)
      content = _read_pickle(archive, records[f'{root}/data.pkl'])
      for storage in _check_content(content):
        _check_record(records.get(f'{root}/data/{storage.key}'), storage)
      _check_sums(archive, records)
  except Refused:
    raise
  except _ZIP_ERRORS as error:
    reason = errors.first_line(error)
    raise Refused(f'one cut short or damaged ({reason})') from error


def check_legacy(path: pathlib.Path) -> None:
  """Checks a file of PyTorch before 1.6: five pickles and the numbers.

  Raises:
    Refused: the file is damaged or no checkpoint.
    OSError: the file cannot be read.
  """
  size = path.stat().st_size
  with open(path, 'rb') as file:
    stream = io.BytesIO(file.read(pickle_outline.MAX_BYTES))
    magic, version, _, content = (pickle_outline.read(stream) for _ in range(4))
    if (magic, version) != (_MAGIC, _LEGACY_PROTOCOL):
      raise Refused('a pickle that torch.save did not write')
    storages = {s.key: s for s in _check_content(content)}
    keys = pickle_outline.read(stream)
    known = type(keys) is list and all(type(key) is str for key in keys)
    if not known or sorted(keys) != sorted(storages):
      raise Refused('one cut short or damaged (another list of records)')
    place = stream.tell()
    for key in keys:
      place += _check_legacy_record(file, place, storages[key], size)


def _records(archive, size):
  """{name: ZipInfo} of an archive that reads the same for every program."""
  records = {}
  for info in archive.infolist():
    name = errors.printable(info.filename, 60)
    if info.filename in records:
      raise Refused(f'a zip archive with {name} twice')
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
      raise Refused(
        f'a zip archive that was packed again ({name} is compressed or '
        'encrypted, as torch.save never does)'
      )
    if info.file_size != info.compress_size:
      raise Refused(f'one cut short or damaged ({name} has two lengths)')
    records[info.filename] = info
  if len(records) > MAX_RECORDS:
    raise Refused(f'a zip archive of {len(records):,} records')
  if sum(info.file_size for info in records.values()) > size:
    raise Refused('one cut short or damaged (its records overlap)')
  if not any(info.CRC for info in records.values()):
    for info in records.values():
      del info.CRC  # `archive.open` then compares nothing
  return records


def _root(records):
  """The folder in the archive that holds everything."""
  roots = [n.partition('/')[0] for n in records if n.endswith('/data.pkl')]
  names = list(records)
  if not roots:
    shown = errors.printable(', '.join(names[:3]) or 'nothing')
    raise Refused(f'a zip archive of other files (it holds {shown})')
  root = roots[0]
  if f'{root}/data.pkl' not in records or any(
    not name.startswith(f'{root}/') for name in names
  ):
    raise Refused('a zip archive of several folders')
  if f'{root}/constants.pkl' in records:
    raise Refused('a TorchScript program, which is not a state dict')
  return root


def _read_pickle(archive, info):
  if info.file_size > pickle_outline.MAX_BYTES:
    raise Refused(f'a list of contents of {info.file_size / 1e6:,.0f} MB')
  with archive.open(info) as file:
    return pickle_outline.read(io.BytesIO(file.read()))


def _check_record(info, storage):
  needed = storage.count * pickle_outline.STORAGES[storage.kind]
  found = info.file_size if info else 0
  if found != needed:
    raise Refused(
      f'one cut short or damaged (record {errors.printable(storage.key, 60)} '
      f'has {found} bytes of {needed})'
    )


def _check_sums(archive, records):
  """Reads every record once; the archive compares it with its CRC-32."""
  for info in records.values():
    with archive.open(info) as file:
      while file.read(_BLOCK):
        pass


def _check_legacy_record(file, place, storage, size):
  """Returns the record's length in bytes, with its count of 8 bytes."""
  file.seek(place)
  count = int.from_bytes(file.read(8), 'little')
  length = 8 + count * pickle_outline.STORAGES[storage.kind]
  if count != storage.count or place + length > size:
    raise Refused('one cut short or damaged (a record is too short)')
  return length


def _check_content(content):
  """Returns the storages behind the tensors of a dictionary."""
  if not isinstance(content, dict):
    kind = type(content).__name__
    raise Refused(f'a {kind.lower()} instead of a dictionary')
  storages, numbers = {}, 0
  for tensor in _tensors(content):
    storage = tensor.storage
    if storages.setdefault(storage.key, storage) != storage:
      raise Refused('one that reads the same record in two ways')
    numbers += math.prod(tensor.shape)
  stored = sum(storage.count for storage in storages.values())
  if numbers > MAX_SHARED * stored:
    raise Refused(f'tensors of {numbers:,} numbers, of which {stored:,} differ')
  return list(storages.values())


def _tensors(content):
  """Yields every tensor, as often as it occurs in the nested containers."""
  seen, places = 0, [(content, 0)]
  while places:
    value, depth = places.pop()
    seen += 1
    if seen > MAX_VALUES:
      raise Refused(f'more than {MAX_VALUES:,} values in nested dictionaries')
    if depth > MAX_DEPTH:
      raise Refused(f'dictionaries that are nested more than {MAX_DEPTH} deep')
    if isinstance(value, Tensor):
      yield value
    elif isinstance(value, dict):
      places += [(item, depth + 1) for item in value.values()]
    elif type(value) in (list, tuple):
      places += [(item, depth + 1) for item in value]
