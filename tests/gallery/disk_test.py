"""A disk that is full, limited or closed ends in a sentence."""

import os
import pathlib
import subprocess
import sys

import enrolling
import pytest
import small_run
from enrolling import FACTS, contents, entry, made

from selfgait_jax import errors
from selfgait_jax.gallery.store import Store


def test_a_full_disk_is_a_sentence_and_loses_nothing(path):
  store = Store(path, FACTS)
  store.add('anna', [entry(1, shape=(31, 128))])
  connection = store._connection
  pages = connection.execute('PRAGMA page_count').fetchone()[0]
  connection.execute(f'PRAGMA max_page_count = {pages + 2}')
  with pytest.raises(errors.UserError, match='expected room on the disk'):
    store.add('ben', [entry(i, shape=(31, 128)) for i in range(2, 20)])
  assert [person.name for person in store.people()] == ['anna']
  connection.execute('PRAGMA max_page_count = 1000')
  assert store.add('ben', [entry(2, shape=(31, 128))]) == [None]
  store.close()


def test_a_file_that_cannot_grow_is_a_sentence(path):
  """The system's own limit of a file's size, as a quota sets it."""
  made(path, 3)
  program = (
    'import resource, sys, pathlib; import enrolling\n'
    'from selfgait_jax import errors\n'
    'store = enrolling.Store(pathlib.Path(sys.argv[1]))\n'
    'store.people()\n'
    'resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000))\n'
    'more = [enrolling.entry(i, shape=(31, 32)) for i in range(50, 90)]\n'
    'try: store.add("late", more)\n'
    'except errors.UserError as error: print(error)\n'
  )
  paths = [str(small_run.ROOT), str(pathlib.Path(enrolling.__file__).parent)]
  done = subprocess.run(
    [sys.executable, '-c', program, path],
    env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)},
    capture_output=True,
    text=True,
  )
  assert done.stdout.startswith('expected room on the disk'), done.stderr
  assert contents(path) == {f'person {i}': 1 for i in range(3)}


def test_a_file_that_cannot_be_written_is_a_sentence(path, store):
  store._connection.execute('PRAGMA query_only = ON')
  with pytest.raises(errors.UserError, match='change the permissions'):
    store.add('anna', [entry(1)])
