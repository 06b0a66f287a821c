"""Files that a browser sends: written to disk as they come, within limits.

Names that come with them are text. They decide which frames belong together, in
which order, and what is shown; the files on disk have names of our own.
"""

import dataclasses
import pathlib
import shutil
from collections.abc import AsyncIterable

from python_multipart import exceptions, multipart

from selfgait_jax import errors
from selfgait_jax.clips import places
from selfgait_jax.data.prepare import layouts
from selfgait_jax.machine import files
from selfgait_jax.serve import faults, parts

UNNAMED = 'dropped frames'  # frames that came without a folder
_SHOWN = 3  # names in a sentence


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
      folder, parts.MOST_BYTES, 'dropped files', 'free space on the disk'
    )
    found = await parts.write(stream, boundary, folder)
    items = _arranged(folder, found.received)
    return Upload(folder, items, _note(found.others))
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


def _arranged(folder, received):
  """Moves frames of one folder together; returns the items in order."""
  groups: dict[tuple[str, ...], list[int]] = {}
  for number, name in enumerate(received):
    own = tuple(name[:-1] if places.is_png(name[-1]) else name)
    groups.setdefault((*own, places.is_png(name[-1])), []).append(number)
  items = []
  by_number = lambda key: [layouts.by_number(str(part)) for part in key]
  for key in sorted(groups, key=by_number):
    *own, is_folder = key
    source = '/'.join(own) or UNNAMED
    if is_folder:
      items.append(
        _folder_of(folder, received, groups[key], source, len(items))
      )
      continue
    for number in groups[key]:  # several if they have one name
      suffix = parts.suffix_of(own[-1])
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


def _note(others):
  if not others:
    return ''
  names = [errors.printable(name, 60) for name in others[:_SHOWN]]
  more = ', ...' if len(others) > _SHOWN else ''
  many = f'{len(others):,} files' if others[1:] else '1 file'
  return (
    f'{many} left out ({", ".join(names)}{more}): '
    'expected PNG, .npy, .npz or a video'
  )
