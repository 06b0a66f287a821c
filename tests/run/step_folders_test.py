"""Which folders are checkpoints, and what is done about those that are not."""

import logging

import pytest

from selfgait_jax import errors
from selfgait_jax.run import step_folders

STRAY = ('007', '4²', '٣', '3.orbax-checkpoint-tmp', 'x')


@pytest.fixture
def folder(tmp_path):
  """Checkpoints 2 and 10, an empty 12, one without weights, and stray names."""
  for name in ('2', '10', '12', '11', *STRAY):
    (tmp_path / 'checkpoints' / name).mkdir(parents=True)
  (tmp_path / 'checkpoints/99').write_text('a file')
  for name in ('2', '10', '007'):
    for needed in step_folders.NEEDED:
      path = tmp_path / 'checkpoints' / name / needed
      path.parent.mkdir()
      path.write_text('')
  (tmp_path / 'checkpoints/11/manifest').mkdir()
  (tmp_path / 'checkpoints/11/manifest/metadata').write_text('')
  return tmp_path / 'checkpoints'


def test_only_complete_checkpoints_count(folder):
  assert step_folders.complete_steps(folder) == [2, 10]
  assert step_folders.all_steps(folder) == [2, 10, 11, 12, 99]
  assert step_folders.complete_steps(folder / 'nowhere') == []


@pytest.mark.parametrize('part', ['', 'checkpoints', 'checkpoints/10'])
def test_newer_incomplete_ones_are_passed_over(folder, part, caplog):
  found = step_folders.find(folder.parent / part)
  assert found == folder / '10'
  passed = [name for name in ('11', '12', '99') if f'/{name} is' in caplog.text]
  assert passed == ([] if part.endswith('10') else ['11', '12', '99'])
  if passed:
    assert '11 is incomplete (no variables/_METADATA) and pas' in caplog.text


@pytest.mark.parametrize(
  'part, words',
  [
    ('checkpoints/11', 'a complete checkpoint in .*, found no variables/'),
    ('checkpoints/12', 'a checkpoint in .*, found none'),
    ('checkpoints/x', 'a checkpoint in .*, found none'),
  ],
)
def test_an_incomplete_one_alone_is_an_error(folder, part, words):
  with pytest.raises(errors.UserError, match=f'^expected {words}.*; '):
    step_folders.find(folder.parent / part)


def test_only_incomplete_ones_are_an_error(folder):
  for name in ('2', '10'):
    (folder / name / 'manifest/metadata').unlink()
  with pytest.raises(errors.UserError, match='found .*/99, which is incomplet'):
    step_folders.find(folder.parent)


def test_incomplete_ones_are_set_aside(folder, caplog):
  (folder / '12.incomplete').mkdir()
  before = {path.name for path in folder.iterdir()}
  with caplog.at_level(logging.WARNING):
    step_folders.set_aside(folder)
  after = {path.name for path in folder.iterdir()}
  assert before - after == {'11', '12', '99'}
  assert after - before == {'11.incomplete', '12.incomplete-2', '99.incomplete'}
  assert '12.incomplete-2' in caplog.text
