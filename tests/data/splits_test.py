"""Splits are disjoint, complete and repeatable; bad ones are explained."""

import json

import numbered
import numpy as np
import pytest

from selfgait_jax import errors
from selfgait_jax.configs import default
from selfgait_jax.data import datasets, splits


def config_for(name='casia_b', **data):
  config = default.get_config()
  config.data.name = name
  config.data.update(data)
  return config


def both_sides(config):
  return splits.subjects(config, 'train'), splits.subjects(config, 'test')


@pytest.mark.parametrize(
  ('name', 'partition', 'exclude', 'sizes'),
  [
    ('casia_b', 'standard', '', (74, 50)),
    ('casia_b', 'standard', '005', (73, 50)),
    ('casia_b', 'standard', '005, 080', (73, 49)),
    ('casia_b', 'development', '', (50, 24)),
    ('casia_b', 'development', '100', (50, 24)),
    ('ou_mvlp', 'standard', '', (5153, 5154)),
    ('synthetic_gait', 'standard', '', (24, 20)),
  ],
)
def test_sides_are_disjoint_and_of_known_size(name, partition, exclude, sizes):
  config = config_for(name, partition=partition, exclude_subjects=exclude)
  train, test = both_sides(config)
  assert (len(train), len(test)) == sizes
  assert len({*train, *test}) == sum(sizes)
  assert not {*train, *test} & {s.strip() for s in exclude.split(',')}


def test_sides_hold_the_published_subjects():
  train, test = both_sides(config_for())
  assert (train[0], train[-1], test[0], test[-1]) == (
    '001', '074', '075', '124',
  )  # fmt: skip
  train, test = both_sides(config_for(partition='development'))
  assert (train[-1], test[0], test[-1]) == ('050', '051', '074')
  train, test = both_sides(config_for('ou_mvlp'))
  assert all(int(s) % 2 for s in train) and train[-1] == '10305'
  assert {s for s in test if int(s) % 2} == {'10307'}


@pytest.mark.parametrize(
  ('change', 'words'),
  [
    ({'partition': 'halves'}, ['standard or development', "'halves'"]),
    ({'name': 'ou_mvlp', 'partition': 'development'}, ['data.partition']),
    ({'name': 'casiab'}, ['casia_b', "'casiab'"]),
    ({'exclude_subjects': '005,5'}, ['found 5;', 'exclude_subjects']),
  ],
)
def test_unknown_choices_are_named(change, words):
  with pytest.raises(errors.UserError) as error:
    splits.subjects(config_for(**change), 'train')
  assert all(word in str(error.value) for word in words)


def test_cut_sorts_and_drops_short_training_sequences():
  found = numbered.sequence_set(['100', '003', '075', '001'])
  config = config_for(min_frames=20)
  train = splits.cut(found, config, 'train')
  test = splits.cut(found, config, 'test')
  assert set(train.subjects) == {'001', '003'}
  assert train.lengths.min() >= 20 > test.lengths.min()
  assert len(test) == 24
  for side in train, test:
    keys = list(zip(side.subjects, side.conditions, side.views, strict=True))
    assert keys == sorted(keys)


def test_cut_does_not_depend_on_the_order_of_storage():
  found = numbered.sequence_set(6)
  shuffled = found.select(np.random.default_rng(1).permutation(len(found)))
  sides = [splits.cut(s, config_for(), 'train') for s in (found, shuffled)]
  np.testing.assert_array_equal(sides[0].starts, sides[1].starts)


def test_nothing_left_is_explained():
  with pytest.raises(errors.UserError, match='min_frames'):
    splits.cut(numbered.sequence_set(3), config_for(min_frames=99), 'train')
  with pytest.raises(errors.UserError, match='test with'):
    splits.cut(numbered.sequence_set(3), config_for(), 'test')


def test_reference_partition_cuts_inside_a_subject():
  """SelfGait's figures for a complete CASIA-B without subject 005."""
  everyone = datasets.CASIA_B.subjects
  found = numbered.sequence_set(everyone, 10, 11, lengths=(1, 2))
  config = config_for(exclude_subjects='005')
  config.reference.partition = True
  train, test = (splits.cut(found, config, s) for s in ('train', 'test'))
  assert (len(train), len(test)) == (10_824, 2_706)
  assert set(train.subjects) & set(test.subjects) == {'100'}
  kinds = [
    {c[:2] for c in side.conditions[side.subjects == '100']}
    for side in (train, test)
  ]
  assert kinds == [{'bg', 'cl'}, {'nm'}]


def test_reference_partition_drops_short_sequences_on_both_sides():
  config = config_for(min_frames=20)
  config.reference.partition = True
  found = numbered.sequence_set(5)
  sides = [splits.cut(found, config, s) for s in ('train', 'test')]
  assert sum(map(len, sides)) == (found.lengths >= 20).sum()


def test_held_out_subjects_are_the_last_and_not_trained_on():
  config, found = config_for(), numbered.sequence_set(8)
  assert not len(splits.held_out_rows(found, config))
  config.log.held_out_every_steps, config.log.held_out_subjects = 10, 3
  config.pretrain.objective, config.pretrain.batch_subjects = 'joint', 5
  held_out = splits.held_out_rows(found, config)
  subset = splits.training_rows(found, config, config.pretrain)
  assert set(found.subjects[held_out]) == {'006', '007', '008'}
  for rows in subset.unlabelled, subset.labelled:
    assert sorted([*held_out, *rows]) == list(range(len(found)))


@pytest.mark.parametrize('count', [8, 20])
def test_the_held_out_check_leaves_some_subjects(count):
  config = config_for()
  config.log.held_out_every_steps, config.log.held_out_subjects = 10, count
  with pytest.raises(errors.UserError, match=f'found {count}'):
    splits.held_out_rows(numbered.sequence_set(8), config)


@pytest.mark.parametrize('by', ['subject', 'sequence'])
@pytest.mark.parametrize('kind', ['labelled', 'unlabelled'])
def test_shares_are_nested_seeded_and_named(kind, by):
  found = numbered.sequence_set(20)

  def share(fraction, seed=0):
    config = config_for(**{f'{kind}_by': by})
    config.seed, stage = seed, config.pretrain
    stage.objective, stage.batch_subjects = 'joint', 2
    section = stage if kind == 'labelled' else config.data
    section[f'{kind}_fraction'] = fraction
    subset = splits.training_rows(found, config, stage)
    return getattr(subset, kind), json.loads(json.dumps(subset.names))[kind]

  fractions = (0.1, 0.25, 0.5, 1.0)
  shares = [share(f)[0] for f in fractions]
  for small, large in zip(shares, shares[1:], strict=False):
    assert set(small) < set(large)
  assert [len(s) for s in shares] == [24, 60, 120, 240]
  if by == 'subject':
    subjects = [len(set(found.subjects[s])) for s in shares]
    assert subjects == [2, 5, 10, 20]
  np.testing.assert_array_equal(shares[1], share(0.25)[0])
  assert set(shares[1]) != set(share(0.25, seed=1)[0])
  rows, names = share(0.1)
  fields = found.subjects, found.conditions, found.views
  if by == 'subject':
    fields = fields[:1]
  expected = {'/'.join(f[row] for f in fields) for row in rows}
  assert names == {'by': by, 'fraction': 0.1, 'chosen': sorted(expected)}


def test_labelled_and_unlabelled_shares_are_drawn_apart():
  config, found = config_for(unlabelled_fraction=0.5), numbered.sequence_set(20)
  stage = config.pretrain
  stage.objective, stage.labelled_fraction = 'joint', 0.5
  subset = splits.training_rows(found, config, stage)
  assert set(subset.labelled) != set(subset.unlabelled)
  again = splits.training_rows(
    found, config_for(unlabelled_fraction=0.1), stage
  )
  np.testing.assert_array_equal(subset.labelled, again.labelled)


def test_stages_get_what_their_objective_uses():
  config, found = config_for(), numbered.sequence_set(20)
  used = {'two_view': [1, 0], 'predictive': [1, 0], 'supervised': [0, 1]}
  for objective, expected in used.items():
    config.pretrain.objective = objective
    subset = splits.training_rows(found, config, config.pretrain)
    lengths = [len(subset.unlabelled), len(subset.labelled)]
    assert [bool(n) for n in lengths] == [bool(n) for n in expected]
    assert len(subset.names) == 1


def test_fewer_subjects_than_a_batch_needs_are_named():
  config, found = config_for(), numbered.sequence_set(20)
  config.finetune.labelled_fraction = 0.25
  with pytest.raises(errors.UserError) as error:
    splits.training_rows(found, config, config.finetune)
  message = str(error.value)
  assert all(w in message for w in ('8', '5', 'batch_subjects', 'fraction'))
  few = found.select(np.arange(24))  # two subjects
  assert len(splits.training_rows(few, config, config.pretrain).unlabelled)
  config.reference.pretrain_sampler = True
  with pytest.raises(errors.UserError, match='batch_subjects'):
    splits.training_rows(few, config, config.pretrain)


def resumed(tmp_path, before, now):
  """Compares two configs as a stage does that goes on; returns the message."""
  found, path = numbered.sequence_set(20), tmp_path / 'pretrain/subset.json'
  subset = splits.training_rows(found, before, before.pretrain)
  path.parent.mkdir()
  path.write_text(json.dumps(subset.names))
  splits.check_same(path, subset)
  subset = splits.training_rows(found, now, now.pretrain)
  with pytest.raises(errors.UserError) as error:
    splits.check_same(path, subset)
  return str(error.value)


def with_check(count=3, **data):
  config = config_for(**data)
  config.log.held_out_every_steps, config.log.held_out_subjects = 5, count
  return config


def test_a_stage_that_has_learned_the_held_out_subjects_is_refused(tmp_path):
  message = resumed(tmp_path, config_for(), with_check())
  assert 'found 3 names different (018, 019, 020)' in message
  assert 'held_out_subjects' in message and 'pretrain to go on' in message


@pytest.mark.parametrize(
  ('before', 'now'),
  [
    (with_check(), with_check(4)),
    (config_for(), config_for(unlabelled_fraction=0.5)),
    (config_for(), config_for(unlabelled_by='sequence')),
  ],
)
def test_a_stage_goes_on_with_the_data_it_began_with(tmp_path, before, now):
  assert 'names different' in resumed(tmp_path, before, now)


@pytest.mark.parametrize('by', ['subject', 'sequence'])
def test_a_later_stage_must_not_score_what_an_earlier_one_learned(tmp_path, by):
  found, path = numbered.sequence_set(20), tmp_path / 'subset.json'
  splits.check_unseen(path, found, with_check())  # the folder has none
  config = with_check(unlabelled_by=by)
  subset = splits.training_rows(found, config, config.pretrain)
  path.write_text(json.dumps(subset.names))
  splits.check_unseen(path, found, with_check())
  splits.check_unseen(path, found, config_for())
  with pytest.raises(
    errors.UserError, match=r'found 1 \(017\).*held_out_every'
  ):
    splits.check_unseen(path, found, with_check(4))


@pytest.mark.parametrize(
  'content',
  [
    b'{',
    b'[]',
    b'{"a": 1}',
    b'{"a": {"chosen": [[]]}}',
    b'{"labelled": {"chosen": [1]}}',
    b'\xff',
    b'[' * 100_000,
    b'9' * 5000,
  ],
)
def test_a_damaged_subset_file_is_named(tmp_path, content):
  path = tmp_path / 'subset.json'
  path.write_bytes(content)
  config, found = config_for(), numbered.sequence_set(20)
  subset = splits.training_rows(found, config, config.pretrain)
  with pytest.raises(errors.UserError, match='subset.json, found none.*delete'):
    splits.check_same(path, subset)
  path.unlink()
  splits.check_same(path, subset)
