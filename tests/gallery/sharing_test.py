"""Several processes share a gallery, and a kill leaves it whole."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

import enrolling
import pytest
import small_run
from enrolling import contents, entry, made

from selfgait_jax import errors
from selfgait_jax.gallery import database
from selfgait_jax.gallery.store import Store


def test_another_process_is_noticed(store, path):
  assert store.changed()
  assert not store.changed()
  store.add('anna', [entry(1)])
  assert not store.changed()  # its own change
  other = Store(path)
  other.add('ben', [entry(2)])
  assert store.changed()
  assert not store.changed()
  assert list(store.names().values()) == ['anna', 'ben']
  other.close()


def start(work, path, number):
  """A process of tests/helpers/enrolling.py that has opened the gallery."""
  program = subprocess.Popen(
    [sys.executable, enrolling.__file__, work, path, str(number)],
    env={**os.environ, 'PYTHONPATH': str(small_run.ROOT)},
    stdout=subprocess.PIPE,
    text=True,
  )
  with program.stdout:
    assert program.stdout.readline() == 'ready\n'
  return program


def test_two_processes_make_the_file_and_write(path):
  writers = [start('enrol', path, number) for number in (1, 2)]
  assert [writer.wait(60) for writer in writers] == [0, 0]
  assert contents(path) == {
    f'{number}-{i}': 3 for number in (1, 2) for i in range(40)
  }


@pytest.mark.parametrize(
  'seed',
  [
    *range(5),
    *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 50)),
  ],
)
def test_killed_anywhere_it_opens_whole(path, seed):
  """Each person has all clips or none, and SQLite finds no fault."""
  writer = start('churn', path, seed)
  time.sleep(random.Random(seed).uniform(0, 0.1))
  writer.kill()
  assert writer.wait() == -signal.SIGKILL
  store = Store(path)
  assert all(p.clips == enrolling.CLIPS for p in store.people())
  assert {row.id: row.name for row in store.rows()} == store.names()
  store.add('after', [entry(1, shape=(31, 64))])
  store.close()
  connection = sqlite3.connect(path)
  assert connection.execute('PRAGMA integrity_check').fetchone() == ('ok',)
  connection.close()


def test_another_writer_that_does_not_end_is_a_sentence(path, monkeypatch):
  made(path, 1)
  monkeypatch.setattr(database, 'BUSY_SECONDS', 0.1)
  store = Store(path)
  other = sqlite3.connect(path, isolation_level=None)
  other.execute('BEGIN IMMEDIATE')
  with pytest.raises(errors.UserError, match='another process that writes'):
    store.add('anna', [entry(9, shape=(31, 32))])
  other.close()
  store.close()
