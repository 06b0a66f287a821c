"""The SQLite file of a gallery: how it is opened, checked and explained."""

import contextlib
import os
import pathlib
import sqlite3
import time
from collections.abc import Iterator, Mapping

from selfgait_jax import errors

FORMAT = 1  # goes up when a reader of this version would misread the file
BUSY_SECONDS = 30  # to wait for another process that writes
LARGEST_VALUE = 64 * 2**20  # bytes; a damaged file may claim more
# A row of 31 x 128 features fits one page and is read at once.
_PAGE_SIZE = 16384
_SCHEMA = (
  'CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)',
  # Numbers of clips are not used again: a higher one was enrolled later.
  'CREATE TABLE clips (id INTEGER PRIMARY KEY AUTOINCREMENT, '
  'name TEXT NOT NULL, source TEXT NOT NULL, frames INTEGER NOT NULL, '
  'verdict TEXT NOT NULL, date TEXT NOT NULL, digest BLOB NOT NULL UNIQUE, '
  'embedding BLOB NOT NULL)',
  'CREATE INDEX clips_by_name ON clips (name, source)',
)
_PRAGMAS = (
  'trusted_schema = OFF',  # the file cannot make us run functions
  'cell_size_check = ON',  # nor read beyond a damaged page
  'secure_delete = ON',  # deleted bytes are overwritten
  'temp_store = MEMORY',  # nothing of a person in other files
  'synchronous = FULL',
)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def connect(
  path: pathlib.Path, facts: Mapping[str, str], create: bool
) -> sqlite3.Connection:
  """Opens a gallery's file, which is made if it is missing.

  Args:
    path: of the file.
    facts: what the table `meta` of a new file says.
    create: whether a missing file is made.

  Raises:
    UserError: it is no gallery of a known format, it is damaged, or it cannot
      be opened and written.
  """
  check_place(path, create)
  with explained(path):
    connection = sqlite3.connect(
      path, timeout=BUSY_SECONDS, isolation_level=None
    )
    try:
      connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_VALUE)
      for pragma in _PRAGMAS:
        connection.execute(f'PRAGMA {pragma}')
      _check_length(path, connection)
      if not _objects(connection):
        _make(connection, facts)
      _check_format(connection, path)
      _use_log(connection)
    except BaseException:
      connection.close()
      raise
  return connection


@contextlib.contextmanager
def explained(path: pathlib.Path) -> Iterator[None]:
  """Turns a failure of SQLite into a UserError of one sentence."""
  try:
    yield
  except UnicodeDecodeError as error:  # SQLite quotes bytes of the file
    raise damaged(path, 'text that is not UTF-8') from error
  except sqlite3.Error as error:
    name, words = errors.printable(path), errors.first_line(error)
    # Python's own errors, such as text that is not UTF-8, have no code.
    code = getattr(error, 'sqlite_errorcode', sqlite3.SQLITE_ERROR) & 255
    if code == sqlite3.SQLITE_BUSY:
      raise errors.UserError(
        f'expected {name} to be free within {BUSY_SECONDS} s, found another '
        'process that writes to it; run the command again when it is done'
      ) from error
    if code in _NO_ROOM:
      raise errors.UserError(
        f'expected room on the disk for {name}, found {words}; free space and '
        'run the command again, what was enrolled before is kept'
      ) from error
    if code in _DAMAGED:
      raise damaged(path, words) from error
    raise errors.UserError(
      f'expected a gallery that can be opened and written at {name}, found '
      f'{words}; change the permissions or the path'
    ) from error


def damaged(path: pathlib.Path, words: str) -> errors.UserError:
  return errors.UserError(
    f'expected a complete gallery in {errors.printable(path)}, found otherwise '
    f'({words}); restore a copy or choose another path'
  )


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
  """Makes a block's changes whole or not at all; other processes wait."""
  connection.execute('BEGIN IMMEDIATE')
  try:
    yield
    connection.execute('COMMIT')
  except BaseException:
    # After some errors, such as a full disk, SQLite has rolled back already.
    if connection.in_transaction:
      connection.execute('ROLLBACK')
    raise


def read_facts(connection: sqlite3.Connection) -> dict[str, str]:
  found = connection.execute('SELECT key, value FROM meta')
  return {str(key): str(value) for key, value in found}


def check_place(path: pathlib.Path, create: bool) -> None:
  """Raises UserError unless a gallery can lie there, or lies there already."""
  name = errors.printable(path)
  if path.is_dir():
    raise errors.UserError(
      f'expected a gallery file at {name}, found a folder; name a file in it'
    )
  if not path.exists() and not create:
    raise errors.UserError(
      f'expected a gallery at {name}, found nothing; enrol people first or '
      'change the path'
    )
  if not path.parent.is_dir():
    raise errors.UserError(
      f'expected a folder for the gallery {name}, found none; make it first or '
      'change the path'
    )
  # The log is a second file beside the first.
  for place in (path, path.parent):
    if place.exists() and not os.access(place, os.W_OK):
      raise errors.UserError(
        f'expected a gallery that can be written, found '
        f'{errors.printable(place)} read-only; change its permissions, or copy '
        'the gallery to a folder of your own'
      )


def _check_length(path, connection):
  """SQLite reads the missing end of a page as zeros and says nothing."""
  page = connection.execute('PRAGMA page_size').fetchone()[0]
  journal = path.with_name(path.name + '-wal')
  # While a log is carried over, as after a kill, the file may be unfinished.
  if path.stat().st_size % page and not (
    journal.exists() and journal.stat().st_size
  ):
    raise damaged(path, 'its end is missing')


def _objects(connection):
  """SQL of all tables, indices, views and triggers."""
  return {
    sql
    for name, sql in connection.execute('SELECT name, sql FROM sqlite_schema')
    # SQLite's own: counters, and the indices of keys.
    if name != 'sqlite_sequence' and sql is not None
  }


def _make(connection, facts):
  connection.execute(f'PRAGMA page_size = {_PAGE_SIZE}')
  with transaction(connection):
    if _objects(connection):
      return  # made by another process meanwhile
    for sql in _SCHEMA:
      connection.execute(sql)
    facts = {'format': str(FORMAT), **facts}
    connection.executemany('INSERT INTO meta VALUES (?, ?)', facts.items())


def _check_format(connection, path):
  """Raises UserError unless it is a gallery of this format, and no more.

  Another program's database is not changed.
  """
  name, found = errors.printable(path), _objects(connection)
  if _SCHEMA[0] not in found:
    raise errors.UserError(
      'expected a gallery of selfgait_jax, found a database of another program '
      f'in {name}; choose another path'
    )
  format_ = read_facts(connection).get('format')
  if format_ != str(FORMAT):
    raise errors.UserError(
      f'expected a gallery of format {FORMAT}, found format '
      f'{errors.printable(format_)} in {name}; install the newest selfgait_jax'
    )
  if found != set(_SCHEMA):  # a trigger would run when a row is changed
    raise damaged(path, 'its tables are not those of a gallery')


def _use_log(connection):
  """Switches to a write-ahead log, which stays."""
  deadline = time.monotonic() + BUSY_SECONDS
  while True:
    try:
      connection.execute('PRAGMA journal_mode = WAL')
      return
    except sqlite3.OperationalError as error:
      # Two processes that switch at once do not wait for each other.
      busy = error.sqlite_errorcode & 255 == sqlite3.SQLITE_BUSY
      if not busy or time.monotonic() > deadline:
        raise
    time.sleep(0.05)
