"""Files that appear whole or not at all, and the room that they need."""

import json

import pytest

from selfgait_jax import errors
from selfgait_jax.machine import files


def test_a_failed_write_leaves_the_old_file(tmp_path):
  path = tmp_path / 'a.json'
  files.write_json(path, {'old': 1})
  with pytest.raises(OSError, match='full'), files.whole(path) as partial:
    partial.write_text('half')
    raise OSError('full')
  assert json.loads(path.read_text()) == {'old': 1}
  assert list(tmp_path.iterdir()) == [path]
  files.write_json(path, {'new': 2})
  assert json.loads(path.read_text()) == {'new': 2}


def test_an_output_that_fails_is_a_sentence(tmp_path):
  path = tmp_path / 'out.png'
  path.write_text('old')
  with (
    pytest.raises(
      errors.UserError, match='^expected to write .*out.png, found full; free'
    ),
    files.output(path),
  ):
    raise OSError('full')
  assert path.read_text() == 'old' and list(tmp_path.iterdir()) == [path]


def test_missing_room_is_an_error(tmp_path):
  files.expect_room(tmp_path, 1, 'a checkpoint', 'free space')
  with pytest.raises(
    errors.UserError,
    match=r'^expected to write a checkpoint of 1e\+21 MB to .*; free space$',
  ):
    files.expect_room(tmp_path, 10**27, 'a checkpoint', 'free space')


@pytest.mark.parametrize(
  'said, line',
  [
    ('', 'OSError'),
    ('  one\ntwo', 'one'),
    ('a' * 200, 'a' * 200),
    ('a' * 300 + 'the cause', 'a' * 66 + ' ... ' + 'a' * 120 + 'the cause'),
  ],
)
def test_first_line_keeps_both_ends(said, line):
  found = errors.first_line(OSError(said))
  assert found == line and len(found) <= 200
