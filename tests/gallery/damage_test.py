"""Damaged files, and files that are no gallery, end in a sentence."""

import os
import sqlite3

import bounded
import numpy as np
import pytest
from enrolling import FACTS, contents, made

from selfgait_jax import errors
from selfgait_jax.gallery.store import Store

hypothesis = pytest.importorskip('hypothesis')
st = hypothesis.strategies


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
