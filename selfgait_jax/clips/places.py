"""Where clips lie: folders of PNG frames and files of arrays."""

import dataclasses
import os
from collections.abc import Iterator

from selfgait_jax import errors
from selfgait_jax.clips import arrays
from selfgait_jax.data.prepare import layouts
from selfgait_jax.data.prepare.reading import Refused

_AVERAGE = 'gei.png'  # of all frames; found in some copies of data sets


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
  """Where one clip lies.

  Attributes:
    path: a folder of PNG frames, or a file.
    member: name of the array, if the file is a .npz.
    refused: why nothing can be read there; '' if nothing is known against it.
  """

  path: str
  member: str = ''
  refused: str = ''

  @property
  def source(self) -> str:
    return f'{self.path}:{self.member}' if self.member else self.path


def find(path: str) -> Iterator[Place]:
  """Yields the clips of a file or of a tree of folders, in order of names.

  Reads names only. Hidden entries are skipped, links are followed.

  Raises:
    UserError: there is no such path, or a file of another kind.
  """
  if os.path.isdir(path):
    yield from _in_tree(path)
  elif not os.path.exists(path):
    raise errors.UserError(
      'expected a folder of silhouettes or a file (.png, .npy, .npz, .pkl) at '
      f'{errors.printable(path)}, found nothing; change the path'
    )
  elif not is_png(path) and not arrays.is_array(path):
    raise errors.UserError(
      'expected a folder of PNG frames or a file .png, .npy, .npz or .pkl, '
      f'found {errors.printable(path)}; convert it (a video by `selfgait '
      'silhouettes`) or change the path'
    )
  else:
    yield from _in_file(path)


def frame_files(folder: str) -> list[str]:
  """The PNG files of a folder; 2.png comes before 10.png.

  Raises:
    OSError: the folder cannot be read.
  """
  return [entry.path for entry in _entries(folder) if is_png(entry.path)]


def is_png(path: str) -> bool:
  return path.lower().endswith('.png')


def _in_tree(root):
  # A folder is `above` itself where a link leads back to it.
  left = [(root, frozenset())]
  while left:
    folder, above = left.pop()
    try:
      state = os.stat(folder)
      entries = _entries(folder)
    except OSError as error:
      reason = f'the folder cannot be read ({error.strerror})'
      yield Place(folder, refused=reason)
      continue
    own = (state.st_dev, state.st_ino)
    if own in above:
      continue
    folders = [e.path for e in entries if os.path.isdir(e.path)]
    inside = set(folders)
    files = [e.path for e in entries if e.path not in inside]
    if any(map(is_png, files)):
      yield Place(folder)
    for file in filter(arrays.is_array, files):
      yield from _in_file(file)
    left.extend((folder, above | {own}) for folder in reversed(folders))


def _in_file(path):
  if not arrays.is_archive(path):
    yield Place(path)
    return
  try:
    names = arrays.members(path)
  except (Refused, OSError) as error:
    yield Place(path, refused=str(error))
    return
  yield from (Place(path, name) for name in names)


def _entries(folder):
  """What is in a folder, in order of names, without what is hidden."""
  with os.scandir(folder) as found:
    entries = [e for e in found if e.name[0] != '.' and e.name != _AVERAGE]
  return sorted(
    entries, key=lambda entry: (layouts.by_number(entry.name), entry.name)
  )
