"""Batches have the sequences that their settings ask for, from the seed."""

import time

import numbered
import numpy as np
import pytest

from selfgait_jax.configs import default
from selfgait_jax.data import draws, frame_sampler, sampler

FOUND = numbered.sequence_set(12, conditions=4, views=5)
INDEX = sampler.make_index(FOUND)
NAMES = np.stack([FOUND.subjects, FOUND.conditions, FOUND.views], axis=1)


def stage_for(subjects=4, sequences=6, **changes):
  stage = default.label_free_stage(**changes)
  stage.batch_subjects, stage.batch_sequences = subjects, sequences
  return stage


def generators(count):
  return [draws.generator(3, 'pretrain', step) for step in range(count)]


def test_label_free_rows_are_uniform_over_sequences():
  counts = np.zeros(len(FOUND), int)
  for rng in generators(500):
    first, second = sampler.label_free_rows(INDEX, stage_for(), rng)
    np.testing.assert_array_equal(first, second)
    assert len(set(first)) == len(first) == 24
    counts[first] += 1
  # Binomial(500, 0.1): 50 expected, deviation 6.7.
  assert counts.min() > 20 and counts.max() < 85


def test_label_free_rows_repeat_evenly_when_there_are_too_few():
  index = sampler.make_index(FOUND.select(np.arange(10)))
  first, _ = sampler.label_free_rows(index, stage_for(), generators(1)[0])
  counts = np.bincount(first, minlength=10)
  assert counts.sum() == 24 and set(counts) == {2, 3}


@pytest.mark.parametrize('views_per_batch', [0, 2])
def test_synchronised_views_share_the_walk_alone(views_per_batch):
  stage = stage_for(pairs='synchronised_views', views_per_batch=views_per_batch)
  pairs = set()
  for rng in generators(30):
    first, second = sampler.label_free_rows(INDEX, stage, rng)
    np.testing.assert_array_equal(NAMES[first, :2], NAMES[second, :2])
    assert (NAMES[first, 2] != NAMES[second, 2]).all()
    assert len({tuple(name) for name in NAMES[first, :2]}) == 24
    views = [set(NAMES[rows, 2]) for rows in (first, second)]
    if views_per_batch == 2:
      assert [len(v) for v in views] == [1, 1]
    pairs |= set(zip(NAMES[first, 2], NAMES[second, 2], strict=True))
  assert len(pairs) > 10  # of 20


@pytest.mark.parametrize('views_per_batch', [0, 2])
def test_synchronised_views_pass_over_gaps(views_per_batch):
  """Walks that one camera alone saw, and cameras with nothing in common."""
  keep = np.random.default_rng(0).random(len(FOUND)) < 0.35
  some = FOUND.select(np.flatnonzero(keep))
  index = sampler.make_index(some)
  names = NAMES[keep]
  stage = stage_for(pairs='synchronised_views', views_per_batch=views_per_batch)
  for rng in generators(30):
    first, second = sampler.label_free_rows(index, stage, rng)
    assert min(first.min(), second.min()) >= 0 and len(first) == 24
    np.testing.assert_array_equal(names[first, :2], names[second, :2])
    assert (names[first, 2] != names[second, 2]).all()


def test_one_view_per_batch():
  stage = stage_for(pairs='same_sequence', views_per_batch=1)
  seen = []
  for rng in generators(40):
    first, second = sampler.label_free_rows(INDEX, stage, rng)
    np.testing.assert_array_equal(first, second)
    (view,) = set(FOUND.views[first])
    seen.append(view)
  assert len(set(seen)) == 5


def test_rows_by_identity_hold_p_subjects_and_may_repeat():
  repeated = False
  for rng in generators(20):
    first, second = sampler.label_free_rows(INDEX, stage_for(), rng, True)
    np.testing.assert_array_equal(first, second)
    subjects = FOUND.subjects[first].reshape(4, 6)
    assert (subjects == subjects[:, :1]).all() and len(set(subjects[:, 0])) == 4
    repeated |= len(set(first)) < 24
  assert repeated


def test_labelled_rows_are_p_subjects_by_k_sequences():
  seen = set()
  for rng in generators(40):
    rows, labels = sampler.labelled_rows(INDEX, stage_for(), rng)
    subjects = FOUND.subjects[rows].reshape(4, 6)
    assert (subjects == subjects[:, :1]).all() and len(set(subjects[:, 0])) == 4
    assert len(set(rows)) == 24
    np.testing.assert_array_equal(labels, FOUND.labels[rows])
    assert labels.dtype == np.int32
    seen |= set(subjects[:, 0])
  assert len(seen) == 12
  few = sampler.make_index(FOUND.select(np.flatnonzero(FOUND.views == '000')))
  rows, _ = sampler.labelled_rows(few, stage_for(), generators(1)[0])
  assert set(np.bincount(rows)) <= {0, 1, 2}  # 4 sequences for 6 places


def test_a_step_is_drawn_from_13000_sequences_in_about_a_millisecond():
  big = numbered.sequence_set(120, 10, 11, lengths=(1, 2))
  index = sampler.make_index(big)
  stage = default.label_free_stage(pairs='synchronised_views')
  start = time.perf_counter()
  for rng in generators(20):
    sampler.label_free_rows(index, stage, rng)
    frame_sampler.clip_frames(np.full(128, 100), stage, rng, (30,))
  assert (time.perf_counter() - start) / 20 < 0.01  # busy machines included
