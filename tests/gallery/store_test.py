"""The gallery's file: whole after a kill, shared, without what was removed."""

import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import bounded
import enrolling
import numpy as np
import pytest
import small_run
from enrolling import FACTS, entry

from selfgait_jax import errors
from selfgait_jax.gallery import database
from selfgait_jax.gallery.store import Store

hypothesis = pytest.importorskip('hypothesis')
st = hypothesis.strategies

NAMES = ["O'Neil", 'a"b', '../../etc', 'a\nb', '<b>x</b>', 'Zoë', '赵', '\0x']


@pytest.fixture
def path(tmp_path):
  return tmp_path / 'people.gallery'


@pytest.fixture
def store(path):
  store = Store(path, FACTS)
  yield store
  store.close()


def contents(path):
  """{name: numbers of clips} as another process sees it."""
  store = Store(path)
  found = {person.name: person.clips for person in store.people()}
  store.close()
  return found


def test_rows_come_back_in_order(store, path):
  assert store.add('anna', [entry(1), entry(2)]) == [None, None]
  assert store.add('ben', [entry(3)]) == [None]
  found = list(store.rows())
  assert [row.name for row in found] == ['anna', 'anna', 'ben']
  assert [row.source for row in found] == ['walk/1', 'walk/2', 'walk/3']
  for row, number in zip(found, (1, 2, 3), strict=True):
    np.testing.assert_array_equal(row.embedding, entry(number).embedding)
  assert [row.name for row in store.rows(found[1].id)] == ['ben']
  anna, ben = store.people()
  assert (anna.name, anna.clips, anna.frames) == ('anna', 2, 40)
  assert anna.first <= anna.last <= ben.first
  assert store.facts()['model'] == 'selfgait'
  assert store.facts()['format'] == '1'


@pytest.mark.parametrize('name', NAMES)
def test_names_are_any_text(store, name):
  store.add(name, [entry(1, source=name)])
  assert [person.name for person in store.people()] == [name]
  assert store.rename(name, name + 'x') == 1
  assert store.names() == {1: name + 'x'}
  assert store.remove(name + 'x') == 1


@pytest.mark.parametrize('name', ['', 'x' * 1001, 'a\udc80'])
def test_other_names_are_refused(store, name):
  with pytest.raises(errors.UserError, match='expected a name'):
    store.add(name, [entry(1)])
  store.add('anna', [entry(1)])
  with pytest.raises(errors.UserError, match='expected a name'):
    store.rename('anna', name)


def test_a_source_may_have_any_bytes(store):
  store.add('anna', [entry(1, source='walk\udcff')])
  assert [row.source for row in store.rows()] == ['walk\\udcff']


def test_a_clip_is_enrolled_once(store):
  store.add('anna', [entry(1), entry(2)])
  again = store.add('anna', [entry(1, 'elsewhere'), entry(9, 'walk/2')])
  assert again == ['anna', 'anna']
  assert store.add('ben', [entry(1), entry(9, 'walk/2')]) == ['anna', None]
  assert store.add('cleo', [entry(5, ''), entry(6, '')]) == [None, None]
  assert store.add('cleo', [entry(7), entry(7)]) == [None, 'cleo']
  assert {p.name: p.clips for p in store.people()} == {
    'anna': 2, 'ben': 1, 'cleo': 3,
  }  # fmt: skip


def test_an_enrolment_is_whole_or_not_at_all(store):
  store.add('anna', [entry(1)])
  with pytest.raises(errors.UserError, match='of 2 x 3.* found 4 x 5'):
    store.add('ben', [entry(2), entry(3, shape=(4, 5))])
  assert [person.name for person in store.people()] == ['anna']


def test_nobody_is_removed_or_renamed_by_mistake(store):
  store.add('anna', [entry(1)])
  store.add('ben', [entry(2)])
  for change in (store.remove, lambda name: store.rename(name, 'x')):
    with pytest.raises(errors.UserError, match='nobody with the name cleo'):
      change('cleo')
  with pytest.raises(errors.UserError, match='a name that nobody has'):
    store.rename('anna', 'ben')
  assert len(store.names()) == 2


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


def made(path, people=20):
  store = Store(path, FACTS)
  for person in range(people):
    store.add(f'person {person}', [entry(person, shape=(31, 32))])
  store.close()


def refused(path):
  """The sentence that opening or reading the file ends with; '' if none."""
  try:
    store = Store(path)
    try:
      list(store.rows())
      store.people()
      store.facts()
    finally:
      store.close()
  except errors.UserError as error:
    return str(error)
  return ''


def test_what_is_no_gallery_is_left_as_it_is(path, tmp_path):
  path.write_text('not a database, but long enough for its header' * 9)
  before = path.read_bytes()
  assert 'expected a complete gallery' in refused(path)
  assert path.read_bytes() == before

  other = tmp_path / 'other.db'
  connection = sqlite3.connect(other)
  connection.execute('CREATE TABLE bookmarks (url TEXT)')
  connection.commit()
  connection.close()
  before = other.read_bytes()
  assert 'a database of another program' in refused(other)
  assert other.read_bytes() == before and len(list(tmp_path.iterdir())) == 2
  assert 'found a folder' in refused(tmp_path)
  assert 'found nothing' in refused(tmp_path / 'none')
  assert not (tmp_path / 'none').exists()
  with pytest.raises(errors.UserError, match='expected a folder'):
    Store(tmp_path / 'no' / 'folder', FACTS)


def test_an_empty_file_becomes_a_gallery(path):
  path.touch()  # as a kill at the very start leaves it
  assert contents_of_new(path) == {}


def contents_of_new(path):
  Store(path, FACTS).close()
  return contents(path)


def change(path, sql):
  connection = sqlite3.connect(path)
  connection.execute(sql)
  connection.commit()
  connection.close()


@pytest.mark.parametrize(
  ('sql', 'words'),
  [
    ("UPDATE meta SET value = '2' WHERE key = 'format'", 'found format 2'),
    ("DELETE FROM meta WHERE key = 'format'", 'found format None'),
    (
      'CREATE TRIGGER t AFTER DELETE ON clips BEGIN SELECT 1; END',
      'its tables are not',
    ),
    ('CREATE VIEW v AS SELECT 1', 'its tables are not'),
    ('DROP INDEX clips_by_name', 'its tables are not'),
    ("UPDATE clips SET embedding = x'00' WHERE id = 2", 'clip 2'),
    (
      "UPDATE clips SET embedding = replace(hex(embedding), '', '') WHERE "
      'id = 2',
      'clip 2',
    ),
    ("UPDATE clips SET name = x'ff' WHERE id = 3", 'expected a complete'),
    ("UPDATE meta SET value = '[' WHERE key = 'shape'", 'no shape'),
    ("UPDATE meta SET value = '7' WHERE key = 'shape'", 'no shape'),
    ("DELETE FROM meta WHERE key = 'shape'", 'expected a complete'),
    (
      "UPDATE clips SET name = CAST(x'ff' AS TEXT) WHERE id = 3",
      'expected a complete',
    ),
  ],
)
def test_a_changed_file_is_refused_in_a_sentence(path, sql, words):
  made(path)
  change(path, sql)
  assert words in refused(path)


def test_not_a_number_is_refused(path):
  made(path, 1)
  nan = np.full((31, 32), np.nan, np.float32).tobytes().hex()
  change(path, f"UPDATE clips SET embedding = x'{nan}'")
  assert 'not finite' in refused(path)


@pytest.mark.parametrize('share', [0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused(path, share):
  made(path)
  content = path.read_bytes()
  path.write_bytes(content[: int(share * len(content))])
  assert 'expected a complete gallery' in refused(path)


def test_tables_in_another_encoding_are_refused(path):
  made(path)
  content = path.read_bytes()
  path.write_bytes(content.replace(b'tableclips', b'table\x80lips'))
  assert 'expected a complete gallery' in refused(path)


@hypothesis.settings(
  max_examples=60,
  deadline=None,
  suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(data=st.data())
def test_damage_anywhere_is_a_sentence_or_harmless(tmp_path, data):
  whole = tmp_path / 'whole.gallery'
  if not whole.exists():
    made(whole)
  content = bytearray(whole.read_bytes())
  for _ in range(data.draw(st.integers(1, 4))):
    at = data.draw(st.integers(0, len(content) - 1))
    # Headers and the first pages decide most.
    at = at % data.draw(st.sampled_from([100, 16384, len(content)]))
    damage = data.draw(st.binary(min_size=1, max_size=40))
    content[at : at + len(damage)] = damage
  path = tmp_path / 'damaged.gallery'
  path.write_bytes(content)
  for rest in tmp_path.glob('damaged.gallery-*'):
    rest.unlink()
  with bounded.limits(seconds=10):
    found = refused(path)
  assert not found or found.startswith('expected ')


@hypothesis.settings(max_examples=20, deadline=None)
@hypothesis.given(
  names=st.lists(st.text(min_size=1, max_size=30), max_size=8, unique=True)
)
def test_any_names_are_kept_apart(names):
  with tempfile.TemporaryDirectory() as folder:
    store = Store(pathlib.Path(folder) / 'x.gallery', FACTS)
    encodable = [name for name in names if _is_unicode(name)]
    for number, name in enumerate(encodable):
      store.add(name, [entry(number, source=name)])
    assert [person.name for person in store.people()] == encodable
    for name in encodable[::2]:
      assert store.remove(name) == 1
    assert [person.name for person in store.people()] == encodable[1::2]
    store.close()


def _is_unicode(name):
  return not any(0xD800 <= ord(character) < 0xE000 for character in name)


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


@pytest.mark.skipif(
  not hasattr(os, 'getuid') or os.getuid() == 0, reason='root writes anything'
)
@pytest.mark.parametrize('place', ['file', 'folder'])
def test_read_only_is_a_sentence(path, place):
  made(path)
  chosen = path if place == 'file' else path.parent
  chosen.chmod(0o500)
  try:
    assert 'read-only' in refused(path)
  finally:
    chosen.chmod(0o700)


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
