"""Trees: which files make a sequence, and names that cannot be used."""

import os
import pathlib

import fabricated
import numpy as np
import pytest

from selfgait_jax import errors
from selfgait_jax.data import datasets
from selfgait_jax.data.prepare import silhouettes, trees


def read(root, facts, **options):
  """({(subject, condition, view): frames}, {file: reason}) of a tree."""
  source = trees.open_tree(facts, root, **options)
  found, refused = {}, dict(source.strangers())
  for subject in source.subjects():
    source.stamp(subject)
    for sequence in source.sequences(subject):
      refused |= dict(sequence.refused)
      if sequence.frames is not None:
        found[subject, sequence.condition, sequence.view] = sequence.frames
  return found, refused


def test_gait3d_merged_with_body_models_is_read(tmp_path):
  clip = fabricated.silhouettes()
  folder = tmp_path / '0002/camid33_videoid2/seq0'
  models = fabricated.write_pickle(folder, np.zeros((3, 85)))
  models.rename(folder / 'smpls-seq0.pkl')
  path = fabricated.write_pickle(folder, clip)
  path.rename(folder / 'sils-seq0.pkl')
  found, refused = read(tmp_path, datasets.GAIT3D)
  assert not refused
  [(key, frames)] = found.items()
  assert key == ('0002', 'camid33_videoid2', 'seq0')
  np.testing.assert_array_equal(frames, clip)
  (folder / 'sils-seq1.pkl').write_bytes(b'')
  _, refused = read(tmp_path, datasets.GAIT3D)
  assert '3 pickles' in refused['0002/camid33_videoid2/seq0']


def test_the_same_grew_view_twice(tmp_path):
  clips = {}
  for seed, key in enumerate([('01', 'a'), ('01', 'b'), ('02', 'b')]):
    clips[key] = fabricated.silhouettes(seed=seed)
    fabricated.write_pickle(tmp_path.joinpath('00001', *key), clips[key])
  found, refused = read(tmp_path, datasets.GREW)
  assert set(found) == {('00001', '01', 'a'), ('00001', '02', 'b')}
  np.testing.assert_array_equal(found['00001', '02', 'b'], clips['01', 'b'])
  assert refused == {'00001/02/b/b.pkl': 'the same sequence as 00001/01/b'}


@pytest.mark.parametrize('name', [b'\xff\xfe', b'a\nb', b'\x1b[2J'])
def test_views_that_are_not_printable_are_refused(tmp_path, name):
  folder = tmp_path / '00001' / '01'
  fabricated.write_pickle(folder / 'good', fabricated.silhouettes())
  (folder / 'good').rename(folder / 'moved')
  (folder / os.fsdecode(name)).mkdir()
  path = folder / os.fsdecode(name) / 'a.pkl'
  path.write_bytes((folder / 'moved/good.pkl').read_bytes())
  found, refused = read(tmp_path, datasets.GREW)
  assert [(subject, view) for subject, _, view in found] == [('00001', 'moved')]
  assert list(refused.values()) == ['a view that is not printable UTF-8 text']


def test_what_no_check_foresees_ends_one_sequence_only(tmp_path, monkeypatch):
  clips = fabricated.pickle_tree(
    tmp_path, [('001', 'nm-01', view) for view in ('000', '090')]
  )
  from_array = silhouettes.from_array

  def break_once(array):
    if len(array) == len(clips['001', 'nm-01', '000']):
      raise ZeroDivisionError('never thought of')
    return from_array(array)

  monkeypatch.setattr(silhouettes, 'from_array', break_once)
  found, refused = read(tmp_path, datasets.CASIA_B)
  assert list(found) == [('001', 'nm-01', '090')]
  assert refused == {
    '001/nm-01/000/000.pkl': 'ZeroDivisionError: never thought of'
  }


def test_folders_that_cannot_be_entered_and_files_that_go(
  tmp_path, monkeypatch
):
  clips = fabricated.pickle_tree(
    tmp_path, [('001', 'nm-01', view) for view in ('000', '090')]
  )
  is_dir, lstat = pathlib.Path.is_dir, pathlib.Path.lstat

  def deny(path):
    if path.name == '000':
      raise PermissionError(13, 'Permission denied')
    return is_dir(path)

  def miss(path):
    if path.suffix == '.pkl':
      raise FileNotFoundError(2, 'No such file')
    return lstat(path)

  monkeypatch.setattr(pathlib.Path, 'is_dir', deny)
  monkeypatch.setattr(pathlib.Path, 'lstat', miss)
  found, _ = read(tmp_path, datasets.CASIA_B)
  assert list(found) == [('001', 'nm-01', '090')] and len(clips) == 2


def test_a_wrong_tree_is_named_in_one_printable_line(tmp_path):
  (tmp_path / os.fsdecode(b'\xff\nerror: all fine')).mkdir()
  (tmp_path / (200 * 'y')).mkdir()
  with pytest.raises(errors.UserError) as raised:
    trees.open_tree(datasets.CASIA_B, tmp_path)
  said = str(raised.value)
  assert said.isprintable() and r'\udcff\nerror' in said
  assert 60 * 'y' not in said
