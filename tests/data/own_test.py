"""One's own data: any names, clips without names, and who is tested."""

import json

import cv2
import fabricated
import numpy as np
import pytest

from selfgait_jax import errors
from selfgait_jax.configs import own
from selfgait_jax.data import datasets, partitions, sequences, splits
from selfgait_jax.data.prepare import own_split, trees
from selfgait_jax.settings import validate

PEOPLE = [f'person {n}' for n in range(10)]


def read(root):
  """({(subject, condition, view): frames}, {file: reason}) of a tree."""
  source = trees.open_tree(datasets.OWN, root, aligned=True)
  found, refused = {}, dict(source.strangers())
  for subject in source.subjects():
    for sequence in source.sequences(subject):
      refused |= dict(sequence.refused)
      if sequence.frames is not None:
        found[subject, sequence.condition, sequence.view] = sequence.frames
  return found, refused


def test_walks_with_and_without_views_stand_side_by_side(tmp_path):
  clip = fabricated.silhouettes(12)
  for name in (
    'ça va/walk 10',
    'b"o/coat/left',
    'b"o/coat/<i>',
    'unlabelled/x',
  ):
    fabricated.write_pngs(tmp_path / name, [])
    for n, frame in enumerate(clip):
      (path,) = fabricated.write_pngs(tmp_path / name, [frame])
      path.rename(path.with_name(f'{n}.png'))
  (tmp_path / 'b"o/coat/.DS_Store').write_text('')
  found, refused = read(tmp_path)
  assert not refused
  assert set(found) == {
    ('ça va', 'walk 10', 'all'), ('b"o', 'coat', 'left'),
    ('b"o', 'coat', '<i>'), ('unlabelled', 'x', 'all'),
  }  # fmt: skip
  for frames in found.values():  # 10.png comes after 9.png
    np.testing.assert_array_equal(frames, clip)


def test_frames_beside_folders_of_views_are_a_walk_too(tmp_path):
  clip = fabricated.silhouettes()
  fabricated.write_pngs(tmp_path / 'a/walk', clip)
  fabricated.write_pngs(tmp_path / 'a/walk/left', clip)
  found, refused = read(tmp_path)
  assert set(found) == {('a', 'walk', 'all'), ('a', 'walk', 'left')}
  assert not refused


@pytest.mark.parametrize(
  'name', ['a\nb', 'a\x1b[2J', 'x' * 61, '\u2028', 'half \udc80']
)
def test_names_that_could_deceive_are_reported(tmp_path, name):
  frame = bytes(cv2.imencode('.png', fabricated.silhouettes(1)[0])[1])
  for folder in ('good/walk', f'{name}/walk', f'good/{name}'):
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / '1.png').write_bytes(frame)
  found, refused = read(tmp_path)
  assert set(found) == {('good', 'walk', 'all')} and len(refused) == 2


def test_the_split_is_seeded_by_subject_and_keeps_the_unlabelled(tmp_path):
  path = tmp_path / own_split.FILE
  train, test = own_split.write(path, [*PEOPLE, 'unlabelled'], 0.3, seed=0)
  assert len(test) == 3 and sorted(train + test) == PEOPLE
  content = json.loads(path.read_text())
  assert content == {'TRAIN_SET': ['unlabelled', *train], 'TEST_SET': test}
  again = own_split.write(path, reversed(PEOPLE), 0.3, seed=0)
  assert again == (train, test)
  assert own_split.write(path, PEOPLE, 0.3, seed=1)[1] != test
  # Somebody new changes the side of one other at most.
  _, more = own_split.write(path, [*PEOPLE, 'new'], 0.3, seed=0)
  assert len({*test} - {*more}) <= 1


@pytest.mark.parametrize(
  ('people', 'share', 'tested'),
  [(0, 0.3, 0), (1, 0.3, 0), (3, 0.3, 1), (4, 0.1, 2), (9, 0, 0), (9, 1, 9)],
)
def test_how_many_are_tested(tmp_path, people, share, tested):
  path = tmp_path / own_split.FILE
  assert len(own_split.write(path, PEOPLE[:people], share, 0)[1]) == tested


@pytest.mark.parametrize('share', [-0.1, 1.5, float('nan')])
def test_an_impossible_share_is_refused(share):
  with pytest.raises(errors.UserError, match='--test-share from 0 to 1'):
    own_split.check(share)


def config_of(tmp_path, subjects):
  path = tmp_path / own_split.FILE
  own_split.write(path, subjects, 0.3, seed=0)
  config = own.get_config()
  config.data.partition_file = str(path)
  return config


def data(subjects):
  """Two walks of everyone."""
  return sequences.from_records(
    (
      (subject, f'walk{n}', 'all', np.zeros((1, 64, 64), np.uint8))
      for subject in subjects
      for n in range(2)
    ),
    'own',
  )


def test_unlabelled_clips_train_without_labels_only(tmp_path):
  subjects = ['unlabelled', *PEOPLE]
  config = config_of(tmp_path, subjects)
  train = splits.cut(data(subjects), config, 'train')
  unlabelled = splits.training_rows(train, config, config.pretrain)
  labelled = splits.training_rows(train, config, config.finetune)
  names = lambda rows: set(train.subjects[rows])
  assert 'unlabelled' in names(unlabelled.unlabelled)
  assert names(labelled.labelled) == names(unlabelled.unlabelled) - {
    'unlabelled'
  }
  assert len(names(labelled.labelled)) == 7
  config.log.held_out_every_steps, config.log.held_out_subjects = 1, 3
  held_out = names(splits.held_out_rows(train, config))
  assert 'unlabelled' not in held_out and len(held_out) == 3


def test_elsewhere_a_subject_may_have_any_name():
  found = sequences.from_records(
    [('unlabelled', 'a', 'b', np.zeros((1, 64, 64), np.uint8))], 'other'
  )
  assert splits.is_known(found).all()


def test_without_the_partition_file_the_error_names_it():
  with pytest.raises(errors.UserError, match='own.json'):
    partitions.of(own.get_config())


@pytest.mark.parametrize(
  'recipe', ['laptop', 'unlabelled', 'strict', 'selfgait']
)
def test_recipes(tmp_path, recipe):
  path = tmp_path / own_split.FILE
  own_split.write(path, [*PEOPLE, 'unlabelled'], 0.3, seed=0)
  config = own.get_config(recipe)
  config.data.partition_file = str(path)
  validate.check(config)
