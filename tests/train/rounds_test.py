"""Stages that find their pseudo-identities: blind, resumable, never empty."""

import dataclasses
import logging

import jax
import numpy as np
import pytest
import small_run

from selfgait_jax import errors
from selfgait_jax.configs import synthetic
from selfgait_jax.data import loading
from selfgait_jax.discover import discovery
from selfgait_jax.run import checkpointing, pseudo_labels
from selfgait_jax.train import loop, relabelling


@pytest.fixture(scope='module')
def people(tmp_path_factory):
  """No two sequences are alike, so their hashes tell them apart."""
  path = tmp_path_factory.mktemp('people') / 'all.npz'
  return small_run.write_people(path, noise=0.05)


def make_config(packed_file, setting='synchronised', **changes):
  config = synthetic.get_config('smoke')
  config.data.packed_file, config.data.loader = str(packed_file), 'array'
  config.stages = 'discover'
  stage = config.discover
  stage.setting, stage.steps, stage.relabel_at = setting, 6, (3,)
  stage.batch_subjects, stage.batch_sequences, stage.frames = 2, 4, 4
  stage.relabel_frames, stage.neighbours = 6, 4
  config.checkpoint.every_steps = 2
  stage.update(changes)
  return config


def train(config, workdir, sequences=None):
  sequences = sequences or loading.loader(config)('train')
  loop.train(config, workdir, 'discover', sequences)
  return workdir / 'discover'


def weights(stage):
  return checkpointing.load_variables(str(stage))[0]


def assert_equal(stage, other):
  for ours, theirs in zip(
    jax.tree.leaves(weights(stage)),
    jax.tree.leaves(weights(other)),
    strict=True,
  ):
    np.testing.assert_array_equal(ours, theirs)


def shuffled(sequences, walks):
  """Other names: for whole walks, or for each sequence by itself."""
  rng = np.random.default_rng(5)
  units = np.char.add(sequences.subjects, sequences.conditions)
  if not walks:
    units = np.arange(len(sequences))
  numbers = np.unique(units, return_inverse=True)[1]
  names = rng.permutation(numbers.max() + 1)[numbers]
  other = dataclasses.replace(
    sequences,
    subjects=np.array([f'{n // 5:03d}' for n in names]),
    conditions=np.array([f'{n % 5:02d}' for n in names]),
  )
  rows = np.lexsort((other.views, other.conditions, other.subjects))
  return other.select(rows)


@pytest.mark.parametrize(
  'setting',
  [pytest.param('synchronised', marks=pytest.mark.slow), 'strict'],
)
def test_names_do_not_reach_the_weights(setting, people, tmp_path):
  config = make_config(people, setting)
  sequences = loading.loader(config)('train')
  first = train(config, tmp_path / 'a', sequences)
  other = shuffled(sequences, walks=setting == 'synchronised')
  second = train(config, tmp_path / 'b', other)
  assert_equal(first, second)
  rounds = pseudo_labels.read_all(first)
  assert list(rounds) == [0, 3]
  for step, stored in pseudo_labels.read_all(second).items():
    np.testing.assert_array_equal(stored.labels, rounds[step].labels)


def test_killed_inside_a_relabelling(people, tmp_path, monkeypatch):
  config = make_config(people)
  whole = train(config, tmp_path / 'whole')

  def kill(*_):
    raise KeyboardInterrupt

  with monkeypatch.context() as patch:
    patch.setattr(pseudo_labels, 'write', kill)
    with pytest.raises(KeyboardInterrupt):
      train(config, tmp_path / 'cut')
    patch.undo()
    # Now to the second round, whose labels are not written either.
    patch.setattr(relabelling.Finder, 'by_network', kill)
    with pytest.raises(KeyboardInterrupt):
      train(config, tmp_path / 'cut')
  assert list(pseudo_labels.read_all(tmp_path / 'cut/discover')) == [0]
  assert_equal(whole, train(config, tmp_path / 'cut'))


def test_a_round_that_fails_keeps_the_last_labels(
  people, tmp_path, monkeypatch, caplog
):
  found = discovery.Found(np.zeros(120, np.int32), 0.5, {0.5: 1.0})
  monkeypatch.setattr(relabelling.Finder, 'by_network', lambda *_: found)
  with caplog.at_level(logging.WARNING, logger='absl'):
    stage = train(make_config(people), tmp_path)
  assert 'goes on with the pseudo-identities of the last round' in caplog.text
  assert 'expected at least 2 pseudo-identities' in caplog.text
  rounds = pseudo_labels.read_all(stage)
  np.testing.assert_array_equal(rounds[0].labels, rounds[3].labels)


def test_a_round_that_fails_where_the_stage_resumes(
  people, tmp_path, monkeypatch
):
  """Between two runs it must do what it would have done in one."""
  found = discovery.Found(np.zeros(120, np.int32), 0.5, {0.5: 1.0})
  monkeypatch.setattr(relabelling.Finder, 'by_network', lambda *_: found)
  stage = train(make_config(people, steps=3, relabel_at=()), tmp_path)
  train(make_config(people), tmp_path)
  rounds = pseudo_labels.read_all(stage)
  np.testing.assert_array_equal(rounds[0].labels, rounds[3].labels)


@pytest.mark.parametrize(
  ('changes', 'words'),
  [
    ({'batch_subjects': 90}, 'expected at least 180 walks, .* found 40'),
    ({'batch_subjects': 19}, 'expected at least 19 pseudo-identities'),
  ],
)
def test_too_few_at_the_start_is_a_sentence(changes, words, people, tmp_path):
  with pytest.raises(errors.UserError, match=words):
    train(make_config(people, **changes), tmp_path)


def test_lost_or_foreign_labels(people, tmp_path):
  config = make_config(people, steps=5, relabel_at=())
  stage = train(config, tmp_path)
  config = make_config(people, steps=8, relabel_at=())
  file = pseudo_labels.path(stage, 0)
  stored = pseudo_labels.read(file)
  other = dataclasses.replace(stored, pixels=stored.pixels[::-1])
  pseudo_labels.write(file, other)
  with pytest.raises(errors.UserError, match='found those of other sequences'):
    train(config, tmp_path)
  file.unlink()
  with pytest.raises(errors.UserError, match='found no such file'):
    train(config, tmp_path)
  file.write_bytes(b'PK\x03\x04 nothing')
  with pytest.raises(errors.UserError, match='none that can be read'):
    train(config, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize('loader', ['device', 'tfdata'])
def test_loaders_are_alike(loader, people, tmp_path):
  config = make_config(people, steps=4)
  first = train(config, tmp_path / 'array')
  config.data.loader = loader
  assert_equal(first, train(config, tmp_path / loader))
