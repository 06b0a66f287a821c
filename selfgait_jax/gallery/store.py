"""Rows of a gallery: people, their clips and embeddings, in one SQLite file.

Every change is one transaction. Nothing here needs JAX.
"""

import datetime
import json
import os
import pathlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from absl import logging

from selfgait_jax import errors
from selfgait_jax.gallery import database, rows
from selfgait_jax.gallery.rows import Entry, Person, Row

_ERASE = 'erase'  # a key of `meta`: what was removed may still be in the file


class Store:
  """The file of a gallery."""

  def __init__(
    self,
    path: str | os.PathLike,
    facts: Mapping[str, str] | None = None,
  ):
    """Opens a gallery.

    Args:
      path: of the file.
      facts: of a new gallery: `fingerprint`, `model` and `metric`. None if
        there must be a gallery already.

    Raises:
      UserError: it cannot be opened or made.
    """
    self.path = pathlib.Path(path)
    self._connection = database.connect(
      self.path, facts or {}, create=facts is not None
    )
    self._version = None
    try:
      if _ERASE in self.facts():
        self.erase()
    except BaseException:
      self.close()
      raise

  def close(self) -> None:
    self._connection.close()

  def __enter__(self) -> 'Store':
    return self

  def __exit__(self, *_) -> None:
    self.close()

  def changed(self) -> bool:
    """Whether another process has changed the file since the last call.

    True for the first call.
    """
    with self._explained():
      version = self._one('PRAGMA data_version')
    before, self._version = self._version, version
    return version != before

  def facts(self) -> dict[str, str]:
    """What the file says of itself, by key."""
    with self._explained():
      return database.read_facts(self._connection)

  def write_fact(self, key: str, value: str) -> None:
    with self._explained(), database.transaction(self._connection):
      self._connection.execute(
        'INSERT OR REPLACE INTO meta VALUES (?, ?)', (key, value)
      )

  def add(self, name: str, entries: Sequence[Entry]) -> list[str | None]:
    """Enrols clips under a name, all or none.

    Returns:
      Of each clip None, or the name under which it is enrolled already: its
      frames under any name, or its source under the same name.

    Raises:
      UserError: the name is empty or no Unicode text.
    """
    rows.check_name(name)
    date = _now()
    with self._explained(), database.transaction(self._connection):
      return [self._add(name, entry, date) for entry in entries]

  def _add(self, name, entry, date):
    self._expect_shape(entry.embedding.shape)
    source = rows.as_text(entry.source)
    found = self._connection.execute(
      'SELECT name FROM clips WHERE digest = ? UNION ALL '
      "SELECT name FROM clips WHERE name = ? AND source = ? AND source != ''",
      (entry.digest, name, source),
    ).fetchone()
    if found:
      return found[0]
    blob = np.ascontiguousarray(entry.embedding, '<f4').tobytes()
    self._connection.execute(
      'INSERT INTO clips (name, source, frames, verdict, date, digest, '
      'embedding) VALUES (?, ?, ?, ?, ?, ?, ?)',
      (name, source, entry.frames, entry.verdict, date, entry.digest, blob),
    )
    return None

  def remove(self, name: str) -> int:
    """Removes a person; returns the number of clips. `erase` must follow.

    Raises:
      UserError: nobody has this name.
    """
    return self._change('DELETE FROM clips WHERE name = ?', name)

  def rename(self, old: str, new: str) -> int:
    """Gives a person another name; returns the number of clips.

    `erase` must follow, so that the old name goes.

    Raises:
      UserError: nobody has the old name, or somebody has the new one.
    """
    rows.check_name(new)
    return self._change('UPDATE clips SET name = ?2 WHERE name = ?1', old, new)

  def erase(self) -> bool:
    """Leaves no byte of what was removed in the file or its log.

    Writes the file anew: `secure_delete` overwrites deleted rows, but not the
    copies that stay where SQLite has moved rows between pages. A kill before
    the end is made good when the gallery is opened again.

    Returns:
      False if another process was reading, or the disk is full; the next call
      or opening does it.
    """
    with self._explained():
      try:
        self._connection.execute('VACUUM')
        if self._one('PRAGMA wal_checkpoint(TRUNCATE)'):
          return False  # busy
        with database.transaction(self._connection):
          self._connection.execute('DELETE FROM meta WHERE key = ?', (_ERASE,))
      except sqlite3.OperationalError as error:
        logging.warning('%s: %s', self.path, errors.first_line(error))
        return False
    return True

  def people(self) -> list[Person]:
    """In the order in which they were first enrolled."""
    with self._explained():
      found = self._connection.execute(
        'SELECT name, count(*), sum(frames), '
        "sum(verdict = 'doubtful'), min(date), max(date) FROM clips "
        'GROUP BY name ORDER BY min(id)'
      )
      people = [Person(*row) for row in found]
    if not all(isinstance(person.name, str) for person in people):
      raise database.damaged(self.path, 'a name that is no text')
    return people

  def names(self) -> dict[int, str]:
    """{number of a clip: name}."""
    with self._explained():
      return dict(self._connection.execute('SELECT id, name FROM clips'))

  def rows(self, after: int = -1) -> Iterator[Row]:
    """Clips with numbers above `after`, in order of their numbers.

    Raises:
      UserError: a row is damaged.
    """
    with self._explained():
      shape = self._shape()
      found = self._connection.execute(
        'SELECT id, name, source, embedding FROM clips WHERE id > ? '
        'ORDER BY id',
        (after,),
      )
      for number, name, source, blob in found:
        if not isinstance(name, str) or not isinstance(source, str):
          raise database.damaged(self.path, f'clip {number}: no text')
        yield Row(number, name, source, self._embedding(number, blob, shape))

  def numbers(self, digests: Sequence[bytes]) -> list[int | None]:
    """The numbers under which clips are enrolled, if they are."""
    find = 'SELECT id FROM clips WHERE digest = ?'
    with self._explained():
      found = (
        self._connection.execute(find, (one,)).fetchone() for one in digests
      )
      return [row and row[0] for row in found]

  def _explained(self):
    return database.explained(self.path)

  def _one(self, sql, *values):
    return self._connection.execute(sql, values).fetchone()[0]

  def _change(self, sql, name, *more):
    """Changes a person's rows, and notes that `erase` must follow."""
    with self._explained(), database.transaction(self._connection):
      for new in more:
        if taken := self._one('SELECT count(*) FROM clips WHERE name = ?', new):
          raise errors.UserError(
            f'expected a name that nobody has, found {errors.printable(new)} '
            f'with {taken} clips; choose another name'
          )
      count = self._connection.execute(sql, (name, *more)).rowcount
      if not count:
        raise errors.UserError(
          f'expected a person of the gallery {errors.printable(self.path)}, '
          f'found nobody with the name {errors.printable(name)}; `selfgait '
          'people` lists the names'
        )
      self._connection.execute(
        'INSERT OR REPLACE INTO meta VALUES (?, 1)', (_ERASE,)
      )
    return count

  def _shape(self):
    """(P, D) of the embeddings; None before the first."""
    text = database.read_facts(self._connection).get('shape')
    if text is None:
      return None
    try:
      parts, features = map(int, json.loads(text))
    except (ValueError, TypeError) as error:
      raise database.damaged(self.path, 'no shape of embeddings') from error
    return parts, features

  def _expect_shape(self, shape):
    """Writes the shape with the first clip; later ones must have the same."""
    found = self._shape()
    if found is None:
      self._connection.execute(
        "INSERT INTO meta VALUES ('shape', ?)", (json.dumps(shape),)
      )
    elif found != shape:
      raise errors.UserError(
        f'expected embeddings of {found[0]} x {found[1]}, as in '
        f'{errors.printable(self.path)}, found {shape[0]} x {shape[1]}; use '
        'the checkpoint that the gallery was made with'
      )

  def _embedding(self, number, blob, shape):
    try:
      values = np.frombuffer(blob, '<f4').reshape(*shape)
    except (ValueError, TypeError) as error:
      raise database.damaged(self.path, f'clip {number}: {error}') from error
    if not np.isfinite(values).all():
      raise database.damaged(self.path, f'clip {number}: not finite')
    return values


def _now():
  return datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds')
