"""Labels and pseudo-identities in one stage."""

import dataclasses
import json

import numbered
import numpy as np
import pytest
import small_run

from selfgait_jax import errors
from selfgait_jax.configs import synthetic
from selfgait_jax.data import loading, splits
from selfgait_jax.run import checkpointing, pseudo_labels
from selfgait_jax.train import loop, mixing


@pytest.fixture
def given(tmp_path):
  """(config, sequences of 5 subjects, rows of the first, `discover` folder)."""
  config = synthetic.get_config('smoke')
  config.train.batch_subjects, config.train.pseudo_identities = 2, True
  sequences = numbered.sequence_set(5)
  labelled = np.flatnonzero(sequences.subjects == '001')
  return config, sequences, labelled, tmp_path


def write_round(folder, sequences, labels, step=3):
  found = pseudo_labels.Round(
    sequences.hashes, sequences.views, np.int32(labels), 0.5, np.zeros((0, 2))
  )
  pseudo_labels.write(pseudo_labels.path(folder, step), found)


def mix(given):
  config, sequences, labelled, folder = given
  subset = splits.Subset(np.arange(0), labelled, {})
  return mixing.mix(sequences, subset, str(folder), config, 'train')


def test_labels_stay_and_the_others_get_pseudo_identities(given):
  _, sequences, labelled, folder = given
  groups = np.int32(sequences.subjects.astype(int))  # 1 to 5, all right
  groups[sequences.subjects == '005'] = -1
  write_round(folder, sequences, np.zeros(len(sequences)), step=1)
  write_round(folder, sequences, groups, step=3)
  named, subset = mix(given)
  assert set(named.subjects[labelled]) == {'001'}
  others = np.isin(sequences.subjects, ['002', '003', '004'])
  assert set(named.subjects[others]) == {
    f'pseudo-0000000{n}' for n in (2, 3, 4)
  }
  np.testing.assert_array_equal(
    subset.labelled, np.flatnonzero(sequences.subjects != '005')
  )
  chosen = subset.names['pseudo_identities']['chosen']
  assert len(chosen) == others.sum() and chosen[0].startswith('002/')


def test_a_group_takes_the_name_of_most_of_its_labels(given):
  _, sequences, labelled, folder = given
  groups = np.full(len(sequences), 7)
  groups[sequences.subjects == '003'] = 8
  write_round(folder, sequences, groups)
  named, _ = mix(given)
  joined = np.isin(sequences.subjects, ['001', '002', '004', '005'])
  assert set(named.subjects[joined]) == {'001'}
  assert set(named.subjects[~joined]) == {'pseudo-00000008'}


def test_no_label_of_the_others_is_read(given):
  config, sequences, labelled, folder = given
  groups = np.arange(len(sequences)) // 7
  write_round(folder, sequences, groups)
  names = sequences.subjects.copy()
  names[names != '001'] = 'someone'
  other = dataclasses.replace(sequences, subjects=names)
  first, second = (
    mix((config, x, labelled, folder))[0].labels for x in (sequences, other)
  )
  np.testing.assert_array_equal(first, second)


def test_held_out_subjects_stay_out(given):
  config, sequences, _, folder = given
  config.log.held_out_every_steps, config.log.held_out_subjects = 10, 2
  write_round(folder, sequences, sequences.subjects.astype(int))
  _, subset = mix(given)
  assert set(sequences.subjects[subset.labelled]) == {'001', '002', '003'}


@pytest.mark.parametrize(
  ('labels', 'words'),
  [
    (None, 'expected pseudo-identities for train in .*labels, found none'),
    ('others', 'found those of others'),
    (-1, 'found those of others'),
    (0, 'at least 2 subjects and pseudo-identities, .* found 1; lower it'),
  ],
)
def test_bad_rounds_are_a_sentence(given, labels, words):
  _, sequences, _, folder = given
  if labels == 'others':
    others = dataclasses.replace(sequences, frames=~sequences.frames)
    write_round(folder, others, np.zeros(len(others)))
  elif labels is not None:
    write_round(folder, sequences, np.full(len(sequences), labels))
  with pytest.raises(errors.UserError, match=words):
    mix(given)


def test_no_stage_to_start_from(given):
  config, sequences, labelled, _ = given
  with pytest.raises(errors.UserError, match='set config.train.init=discover'):
    mixing.mix(
      sequences, splits.Subset(labelled, labelled, {}), '', config, 'train'
    )


@pytest.mark.slow
def test_a_stage_learns_from_both(tmp_path):
  people = small_run.write_people(tmp_path / 'all.npz', noise=0.05)
  config = synthetic.get_config('smoke')
  config.data.packed_file, config.data.loader = str(people), 'array'
  config.discover.steps, config.discover.relabel_at = 2, ()
  stage = config.few_pretrained
  stage.init, stage.pseudo_identities = 'discover', True
  stage.labelled_fraction, stage.batch_subjects, stage.steps = 0.25, 2, 2
  train = loading.loader(config)('train')
  for name in ('discover', 'few_pretrained'):
    loop.train(config, tmp_path, name, train)
  subset = json.loads((tmp_path / 'few_pretrained/subset.json').read_text())
  assert len(subset['labelled']['chosen']) == 1
  assert len(subset['pseudo_identities']['chosen']) > 20
  sources = checkpointing.read_manifest(str(tmp_path / 'few_pretrained'))[1]
  assert sources['source']['pseudo_identities'] is True
