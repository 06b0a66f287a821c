"""Files that a browser sends: written to disk as they come, within limits.

Names that come with them are text. They decide which frames belong together, in
which order, and what is shown; the files on disk have names of our own.
"""

import dataclasses
import pathlib
import re
import shutil
from collections.abc import AsyncIterable

import python_multipart
from python_multipart import exceptions, multipart

from selfgait_jax import errors
from selfgait_jax.clips import places
from selfgait_jax.data.prepare import layouts, silhouettes
from selfgait_jax.machine import files
from selfgait_jax.serve import faults, films

MOST_BYTES = 200 * 10**6
MOST_FILES = MOST_FRAMES = silhouettes.MOST_FRAMES
UNNAMED = 'dropped frames'  # frames that came without a folder
_LONGEST_PART = 200  # characters of a folder's or file's name
_SHOWN = 3  # names in a sentence
# Pickles are left out, though `read_clips` reads some safely.
_SUFFIXES = ('.png', '.npy', '.npz', *films.SUFFIXES)


@dataclasses.dataclass(frozen=True)
class Item:
  """A folder of frames, or a file.

  Attributes:
    path: where it lies, in the folder of the upload.
    source: what it was called, such as 'anna/nm-01/090'; text, no path.
    frames: what the frames of a folder were called, in their order; the names
      on disk are '000000.png', '000001.png' and so on.
  """

  path: str
  source: str
  frames: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Upload:
  """What was sent.

  Attributes:
    folder: where the files lie; `remove` deletes it.
    items: in order of their names.
    note: a sentence about files that were left out; '' if there are none.
  """

  folder: pathlib.Path
  items: tuple[Item, ...]
  note: str

  def remove(self) -> None:
    shutil.rmtree(self.folder, ignore_errors=True)


async def receive(
  stream: AsyncIterable[bytes], content_type: str, folder: pathlib.Path
) -> Upload:
  """Writes the files of a body `multipart/form-data`.

  Args:
    stream: the body.
    content_type: its header, with the boundary.
    folder: new; removed if this fails.

  Raises:
    Fault: too many files or bytes, no file that can be read, a damaged body.
    UserError: the disk has no room.
  """
  kind, parameters = multipart.parse_options_header(content_type)
  boundary = parameters.get(b'boundary', b'')
  if kind != b'multipart/form-data' or not boundary:
    raise faults.Fault(
      415,
      'expected files as multipart/form-data, found '
      f'{errors.printable(content_type, 60) or "nothing"}; send a form',
    )
  folder.mkdir(mode=0o700)
  try:
    files.expect_room(
      folder, MOST_BYTES, 'dropped files', 'free space on the disk'
    )
    parts = _Parts(folder)
    await _parse(stream, boundary, parts)
    return Upload(folder, _arranged(folder, parts.received), _note(parts))
  except BaseException as error:
    shutil.rmtree(folder, ignore_errors=True)
    if isinstance(error, exceptions.FormParserError):
      raise faults.Fault(
        400,
        'expected whole files, found a damaged request '
        f'({errors.first_line(error)}); send them again',
      ) from error
    if isinstance(error, OSError):
      raise errors.UserError(
        'expected to write the files, found '
        f'{errors.first_line(error)}; free space on the disk'
      ) from error
    raise


def parts_of(name: str) -> list[str]:
  """Folders and file of a name: a path of any system, as text.

  Steps up, empty steps and roots are left out.
  """
  parts = (part.strip() for part in re.split(r'[/\\]', name))
  return [p[:_LONGEST_PART] for p in parts if p not in ('', '.', '..')]


async def _parse(stream, boundary, parts):
  callbacks = {
    f'on_{name}': getattr(parts, name)
    for name in (
      'part_begin', 'header_field', 'header_value', 'header_end',
      'headers_finished', 'part_data', 'part_end',
    )
  }  # fmt: skip
  parser = python_multipart.MultipartParser(boundary, callbacks)
  try:
    async for chunk in stream:
      parser.write(chunk)
    parser.finalize()
  finally:
    parts.close()


class _Parts:
  """Answers the parser's calls; writes the n-th file that is wanted to 'n'."""

  def __init__(self, folder):
    self._folder, self._file = folder, None
    self._header = self._value = self._disposition = b''
    self._count = self._bytes = 0
    self.received: list[list[str]] = []  # parts of the names, by number
    self.others: list[str] = []  # names of files of other kinds

  def part_begin(self):
    self._disposition = b''

  def header_field(self, data, start, end):
    self._header += data[start:end]

  def header_value(self, data, start, end):
    self._value += data[start:end]

  def header_end(self):
    if self._header.lower() == b'content-disposition':
      self._disposition = self._value
    self._header = self._value = b''

  def headers_finished(self):
    _, parameters = multipart.parse_options_header(self._disposition)
    if b'filename' not in parameters:
      return  # a field of a form
    self._count += 1
    if self._count > MOST_FILES:
      raise faults.Fault(
        413,
        f'expected at most {MOST_FILES:,} files at once, found more; drop them '
        'in parts',
      )
    name = parts_of(parameters[b'filename'].decode('utf-8', 'backslashreplace'))
    if not name or any(part.startswith('.') for part in name):
      return  # hidden, or a form without a file
    if not _suffix(name[-1]):
      self.others.append(name[-1])
      return
    self._file = open(self._folder / str(len(self.received)), 'xb')
    self.received.append(name)

  def part_data(self, data, start, end):
    self._bytes += end - start
    if self._bytes > MOST_BYTES:
      raise faults.Fault(
        413,
        f'expected at most {MOST_BYTES // 10**6} MB at once, found more; drop '
        'the files in parts',
      )
    if self._file:
      self._file.write(data[start:end])

  def part_end(self):
    self.close()

  def close(self):
    if self._file:
      self._file.close()
      self._file = None


def _arranged(folder, received):
  """Moves frames of one folder together; returns the items in order."""
  groups: dict[tuple[str, ...], list[int]] = {}
  for number, name in enumerate(received):
    own = tuple(name[:-1] if places.is_png(name[-1]) else name)
    groups.setdefault((*own, places.is_png(name[-1])), []).append(number)
  items = []
  by_number = lambda parts: [layouts.by_number(str(part)) for part in parts]
  for key in sorted(groups, key=by_number):
    *own, is_folder = key
    source = '/'.join(own) or UNNAMED
    if is_folder:
      items.append(
        _folder_of(folder, received, groups[key], source, len(items))
      )
      continue
    for number in groups[key]:  # several if they have one name
      suffix = _suffix(own[-1])
      path = folder / f'{len(items):06d}{suffix}'
      (folder / str(number)).rename(path)
      items.append(Item(str(path), source))
  if not items:
    raise faults.Fault(
      400,
      'expected PNG frames, .npy or .npz files, or a video, found none of '
      'these; drop others',
    )
  return tuple(items)


def _folder_of(folder, received, numbers, source, place):
  """One clip, its frames in the order of the numbers in their names."""
  target = folder / f'{place:06d}'
  target.mkdir()
  numbers = sorted(
    numbers, key=lambda n: (layouts.by_number(received[n][-1]), n)
  )
  for position, number in enumerate(numbers):
    (folder / str(number)).rename(target / f'{position:06d}.png')
  names = tuple(received[number][-1] for number in numbers)
  return Item(str(target), source, names)


def _suffix(name):
  """Of a file that is wanted; '' for others."""
  return next((s for s in _SUFFIXES if name.lower().endswith(s)), '')


def _note(parts):
  if not parts.others:
    return ''
  names = [errors.printable(name, 60) for name in parts.others[:_SHOWN]]
  more = ', ...' if len(parts.others) > _SHOWN else ''
  many = f'{len(parts.others):,} files' if parts.others[1:] else '1 file'
  return (
    f'{many} left out ({", ".join(names)}{more}): '
    'expected PNG, .npy, .npz or a video'
  )
