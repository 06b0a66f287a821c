"""Preparation deletes what it made and nothing else."""

import contextlib
import json

import fabricated
import pytest

from selfgait_jax import errors
from selfgait_jax.data import datasets
from selfgait_jax.data.prepare import home, preparation, summaries, trees
from selfgait_jax.machine import locks

SUMMARY = {key: 0 for key in summaries._KEYS}
MADE = (
  'staging/001.npz',
  'staging/001.npz.partial',
  '1.0.0/dataset_info.json',
  '1.0.0/features.json',
  '1.0.0/casia_b-sequences.tfrecord-00000-of-00002',
  'incomplete.0A1B2C_1.0.0/'
  'incomplete.0123456789abcdef.casia_b-sequences.tfrecord-00000-of-00001',
)


def write(folder, *names):
  for name in names:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text('precious')


def names(folder):
  paths = (path for path in folder.rglob('*') if not path.is_dir())
  return {path.relative_to(folder).as_posix() for path in paths}


def prepared(folder):
  """What a preparation leaves, without its records."""
  with home.lock(folder, print):
    summaries.write(folder, SUMMARY)
  write(folder, *MADE)


@pytest.mark.parametrize('overwrite', ['never', 'always'])
@pytest.mark.parametrize('place', ['out/casia_b', 'out/casia_b/raw', 'out'])
@pytest.mark.parametrize('junk', [None, '.lock', 'summary.json'])
def test_input_and_output_must_not_overlap(tmp_path, overwrite, place, junk):
  tree = tmp_path / place
  fabricated.pickle_tree(tree, [('001', 'nm-01', '090')])
  if junk:
    folder = tmp_path / 'out/casia_b'
    folder.mkdir(exist_ok=True)
    (folder / junk).write_text('{}' if junk == 'summary.json' else '')
  before = names(tmp_path)
  source = trees.open_tree(datasets.CASIA_B, tree)
  with pytest.raises(errors.UserError, match='overlap; change --output'):
    preparation.prepare(source, tmp_path / 'out', 1, overwrite)
  assert names(tmp_path) == before


@pytest.mark.parametrize(
  'content', ['', '{}', '[]', json.dumps({'source': 1}), 100_000 * '[']
)
@pytest.mark.parametrize('junk', ['.lock', 'summary.json', 'staging/001.npz'])
def test_a_folder_of_others_is_left_alone(tmp_path, content, junk):
  folder = tmp_path / 'out/casia_b'
  write(folder, '001/nm-01/090/090.pkl')
  (folder / junk).parent.mkdir(exist_ok=True)
  (folder / junk).write_text(content)
  before = names(tmp_path)
  fabricated.pickle_tree(tmp_path / 'in', [('001', 'nm-01', '090')])
  source = trees.open_tree(datasets.CASIA_B, tmp_path / 'in')
  before = names(tmp_path)
  with pytest.raises(errors.UserError, match='found .*; change --output'):
    preparation.prepare(source, tmp_path / 'out', 1, 'always')
  assert names(tmp_path) == before
  assert (folder / junk).read_text() == content


def test_what_preparation_made_is_deleted(tmp_path):
  prepared(tmp_path)
  home.check(tmp_path, None)
  home.clear(tmp_path, keep=('staging',))
  assert names(tmp_path) == {'.lock', *MADE[:2]}
  home.clear(tmp_path)
  assert [path.name for path in tmp_path.iterdir()] == ['.lock']
  home.check(tmp_path, None)


@pytest.mark.parametrize(
  'name', ['notes.txt', '1.0.0/notes.txt', 'staging/001.png', '001/a.npz']
)
def test_a_file_of_others_in_a_prepared_folder_stays(tmp_path, name):
  prepared(tmp_path)
  write(tmp_path, name)
  before = names(tmp_path)
  home.check(tmp_path, None)  # a complete data set can still be read
  with pytest.raises(errors.UserError, match=f"'{name}'; change --output"):
    home.clear(tmp_path)
  assert names(tmp_path) == before
  home.remove(tmp_path / '1.0.0')
  assert name in names(tmp_path)


def test_links_are_not_followed(tmp_path):
  prepared(tmp_path / 'home')
  write(tmp_path / 'else', 'dataset_info.json')
  (tmp_path / 'home/2.0.0').symlink_to(tmp_path / 'else')
  with pytest.raises(errors.UserError, match="'2.0.0'"):
    home.clear(tmp_path / 'home')
  assert names(tmp_path / 'else') == {'dataset_info.json'}


def test_data_of_an_earlier_version_can_be_replaced(tmp_path):
  summaries.write(tmp_path, SUMMARY)
  write(tmp_path, *MADE[2:5])
  (tmp_path / '.lock').write_text('')
  home.check(tmp_path, None)
  with home.lock(tmp_path, print):
    home.clear(tmp_path)
  assert names(tmp_path) == {'.lock'}
  write(tmp_path, MADE[0])
  home.check(tmp_path, None)  # by its mark, now that the summary is gone


def test_an_interrupted_start_leaves_a_new_folder(tmp_path):
  (tmp_path / '.lock').write_text('')
  home.check(tmp_path, None)
  home.check(tmp_path / 'missing', None)


@pytest.mark.parametrize(
  'content', ['[]', '{"casia_b": 3}', '{"a": [{"file": "x"}]}', 'no JSON']
)
def test_a_foreign_list_of_refused_files_is_not_overwritten(tmp_path, content):
  (tmp_path / 'refused.json').write_text(content)
  assert summaries.read_refused(tmp_path, 'casia_b') == []
  with pytest.raises(errors.UserError, match='move it elsewhere'):
    summaries.write_refused(tmp_path, 'casia_b', [])
  assert (tmp_path / 'refused.json').read_text() == content


def test_one_process_at_a_time(tmp_path):
  said = []
  with contextlib.ExitStack() as stack:
    stack.enter_context(home.lock(tmp_path, said.append))
    with open(tmp_path / '.lock') as file, pytest.raises(BlockingIOError):
      locks.take(file)
  assert not said
