"""The folder of one prepared data set, and what may be deleted in it.

It holds the records in `1.0.0/`, `summary.json`, and, while the data set is
being made, `staging/`. Preparation locks `.lock`, whose text marks the folder
as its own. Only files with names that preparation gives are ever deleted.
"""

import contextlib
import os
import pathlib
import re
from collections.abc import Callable, Iterator

from selfgait_jax import errors
from selfgait_jax.data.prepare import summaries
from selfgait_jax.machine import locks

STAGING = 'staging'
_LOCK = '.lock'
_MARKER = 'made by selfgait_jax; its preparation may delete and write here\n'
_RECORDS = r'(incomplete\.\w+_)?\d+\.\d+\.\d+'
_OURS = re.compile(
  rf'\{_LOCK}'
  rf'|{re.escape(summaries.FILE)}(\.partial)?'
  rf'|{STAGING}/[^/]+\.(npz|partial)'
  rf'|{_RECORDS}/(incomplete\.\w+\.)?(dataset_info|features)\.json'
  rf'|{_RECORDS}/(incomplete\.\w+\.)?\w+-sequences\.tfrecord[-\w]*(\.json)?'
)


def check(home: pathlib.Path, root: pathlib.Path | None) -> None:
  """Refuses a place that preparation must not write to.

  Args:
    home: the folder, which need not exist.
    root: the tree that is read, if there is one.

  Raises:
    errors.UserError: `home` lies in the tree or holds it, is in the way of a
      file, or holds something that preparation did not make.
  """
  if root is not None and (
    root == home or root in home.parents or home in root.parents
  ):
    raise errors.UserError(
      f'expected --input and --output apart, found that {root} and {home}'
      ' overlap; change --output'
    )
  for place in (home, *home.parents):
    if place.exists() and not place.is_dir():
      raise errors.UserError(
        f'expected a folder at {place}, found a file; change --output'
      )
  # Earlier versions left no mark, but the same summary.
  if not (_is_new(home) or _is_marked(home) or summaries.read(home)):
    raise _foreign(home)


@contextlib.contextmanager
def lock(home: pathlib.Path, report: Callable[[str], None]) -> Iterator[None]:
  """Lets one process at a time prepare; the system frees it at any end.

  Marks the folder as ours.
  """
  home.mkdir(parents=True, exist_ok=True)
  with open(home / _LOCK, 'a+') as file:
    try:
      locks.take(file)
    except BlockingIOError:
      report(f'waiting for another process that prepares {home}')
      locks.take(file, wait=True)
    if not _is_marked(home):
      file.truncate(0)
      file.write(_MARKER)
      file.flush()
    yield


def clear(home: pathlib.Path, keep: tuple[str, ...] = ()) -> None:
  """Deletes an earlier data set, complete or not; folders in `keep` stay.

  Raises:
    errors.UserError: the folder holds a file that preparation did not make.
  """
  _expect_ours(home)
  # First, because it vouches for the rest.
  (home / summaries.FILE).unlink(missing_ok=True)
  for path in list(home.iterdir()):
    if path.is_dir() and path.name not in keep:
      remove(path)


def remove(folder: pathlib.Path) -> None:
  """Deletes a folder of the home; files of others, and their folders, stay."""
  home = folder.parent
  for parent, folders, files in os.walk(folder, topdown=False):
    for name in files:
      path = pathlib.Path(parent, name)
      if _is_ours(path, home):
        path.unlink()
    for name in folders:
      _remove_empty(pathlib.Path(parent, name))
  _remove_empty(folder)


def _remove_empty(folder):
  with contextlib.suppress(OSError):
    folder.rmdir()


def _expect_ours(home):
  """Raises UserError if any file of the home is not one of ours."""
  for parent, folders, files in os.walk(home):
    for name in sorted(folders + files):
      path = pathlib.Path(parent, name)
      is_folder = path.is_dir() and not path.is_symlink()
      if not is_folder and not _is_ours(path, home):
        raise _foreign(home, path)


def _is_ours(path, home):
  return _OURS.fullmatch(path.relative_to(home).as_posix()) is not None


def _is_new(home):
  """Whether the folder is missing, empty, or holds an empty lock alone."""
  entries = list(home.iterdir()) if home.is_dir() else []
  return not entries or (
    [path.name for path in entries] == [_LOCK]
    and not (home / _LOCK).stat().st_size
  )


def _is_marked(home):
  try:
    return (home / _LOCK).read_text() == _MARKER
  except (OSError, ValueError):
    return False


def _foreign(home, path=None):
  path = path or sorted(p for p in home.iterdir() if p.name != _LOCK)[0]
  name = errors.printable(path.relative_to(home))
  return errors.UserError(
    f'expected a new or prepared data set at {home}, found {name!r}; change'
    ' --output'
  )
