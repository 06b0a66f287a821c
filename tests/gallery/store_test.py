"""The gallery's file: clips by people, with names of any text."""

import pathlib
import tempfile

import numpy as np
import pytest
from enrolling import FACTS, entry

from selfgait_jax import errors
from selfgait_jax.gallery.store import Store

hypothesis = pytest.importorskip('hypothesis')
st = hypothesis.strategies

NAMES = ["O'Neil", 'a"b', '../../etc', 'a\nb', '<b>x</b>', 'Zoë', '赵', '\0x']


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
