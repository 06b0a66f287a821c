"""Removing a person leaves no byte behind, also after a failure."""

import random
import sqlite3

import pytest
from enrolling import contents, entry

from selfgait_jax import errors
from selfgait_jax.gallery import database
from selfgait_jax.gallery.store import Store


def test_no_byte_of_a_removed_person_is_left(store, path):
  """Searches the file and its log, among many people and after a rename."""
  rng = random.Random(0)
  marks = {}
  for person in range(30):
    name = f'person-{person:03d}-' + 'n' * rng.randint(0, 300)
    entries = [
      entry(100 * person + i, f'source-{person:03d}-{i:03d}', (31, 16))
      for i in range(rng.randint(1, 25))
    ]
    store.add(name, entries)
    marks[name] = [
      mark
      for one in entries
      for mark in (
        one.source.encode(),
        one.embedding.tobytes()[:16],
        one.embedding.tobytes()[-16:],
        one.digest,
      )
    ] + [f'person-{person:03d}-'.encode()]
  assert store.erase()
  content = path.read_bytes()
  # The search can find something.
  assert all(mark in content for name in marks for mark in marks[name])
  names = list(marks)
  rng.shuffle(names)
  store.rename(names[0], 'somebody')
  store.erase()
  assert names[0].encode() not in everything(path)
  for name in names[1:16]:
    store.remove(name)
    assert store.erase()
    content = everything(path)
    assert not [mark for mark in marks[name] if mark in content]
  kept = everything(path)
  assert all(mark in kept for n in names[16:] for mark in marks[n])


def everything(path):
  """Bytes of the file and of all beside it."""
  return b''.join(p.read_bytes() for p in sorted(path.parent.iterdir()))


def test_a_reader_that_holds_the_log_is_said(store, path, monkeypatch):
  monkeypatch.setattr(database, 'BUSY_SECONDS', 0.1)
  store.add('anna', [entry(i) for i in range(10, 15)])
  other, busy = Store(path), Store(path)
  reading = other.rows()
  next(reading)
  busy.add('ben', [entry(2)])
  busy.remove('anna')
  assert busy.erase() is False
  reading.close()
  assert busy.erase() is True
  assert entry(11).embedding.tobytes() not in everything(path)
  assert 'erase' not in store.facts()
  other.close()
  busy.close()


def test_a_kill_before_the_erasing_is_made_good(store, path):
  store.add('anna', [entry(i) for i in range(10, 15)])
  store.remove('anna')
  store.close()
  Store(path).close()
  assert entry(11).embedding.tobytes() not in everything(path)
  assert b'anna' not in everything(path)


def test_a_failure_while_erasing_is_made_good(store, path):
  store.add('anna', [entry(i, shape=(31, 64)) for i in range(10, 15)])
  store.add('ben', [entry(20, shape=(31, 64))])
  store.remove('anna')
  store._connection.set_authorizer(
    lambda action, *_: (
      sqlite3.SQLITE_DENY
      if action == sqlite3.SQLITE_ATTACH  # which VACUUM does first
      else sqlite3.SQLITE_OK
    )
  )
  with pytest.raises(errors.UserError, match='^expected'):
    store.erase()
  store.close()
  Store(path).close()
  assert b'anna' not in everything(path) and contents(path) == {'ben': 1}
