"""Batches hold what their settings say, and depend on the seed alone."""

import collections
import itertools
import time

import numbered
import numpy as np
import pytest

from configs import default
from selfgait_jax.data import draws, sampler

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


def possible_clips(length, stage, count):
  """All clips of `count` frames and their probabilities, one start at a time.

  Written from the description of OpenGait's and the consistency loss's loaders,
  not from the code under test.
  """
  chances = collections.Counter()
  rates = range(stage.interval_min, stage.interval_max + 1)
  for rate in rates:
    frames = list(range(length))
    candidates = count + stage.frames_skip
    while len(frames) < (candidates - 1) * rate + 1:
      frames += range(length)
    starts = len(frames) - (candidates - 1) * rate
    for start in range(starts):
      row = [frames[start + rate * i] for i in range(candidates)]
      choices = list(itertools.combinations(row, count))
      for choice in choices:
        chances[choice] += 1 / len(rates) / starts / len(choices)
  return chances


def draw_clips(lengths, stage, seed=0):
  sizes = sampler.clip_lengths(stage, max(lengths))
  return sampler.clip_frames(
    np.asarray(lengths), stage, draws.generator(seed), sizes
  )


def assert_drawn_as(drawn, chances):
  """Nothing impossible, and everything about as often as it should be."""
  counts = collections.Counter(tuple(clip.tolist()) for clip in drawn)
  assert counts.keys() <= chances.keys()
  for clip, chance in chances.items():
    deviation = (chance * (1 - chance) * len(drawn)) ** 0.5
    assert abs(counts[clip] - chance * len(drawn)) <= 5 * deviation + 1, clip


@pytest.mark.parametrize(
  'skip, low, high', [(0, 1, 1), (2, 1, 1), (0, 1, 3), (1, 2, 3)]
)
def test_ordered_clips_are_those_of_the_slow_loop(skip, low, high):
  stage = stage_for(
    frames=4, frames_skip=skip, interval_min=low, interval_max=high
  )
  kinds, times = (1, 2, 3, 4, 5, 7, 8, 11, 13, 14), 2000
  frames, mask = draw_clips(np.repeat(kinds, times), stage)
  assert mask is None and frames.shape == (times * len(kinds), 4)
  for length, drawn in zip(kinds, np.split(frames, len(kinds)), strict=True):
    assert_drawn_as(drawn, possible_clips(length, stage, 4))


def test_short_sequences_wrap_as_the_original_does():
  stage = stage_for(frames=6, interval_min=3, interval_max=3)
  found = {tuple(clip) for clip in draw_clips([7] * 200, stage)[0].tolist()}
  assert (3, 6, 2, 5, 1, 4) in found and len(found) == 6


def test_skipped_frames_leave_a_sorted_choice_out_of_a_window():
  stage = stage_for(frames=30, frames_skip=10)
  frames, _ = draw_clips(np.repeat([40, 41, 90], 500), stage)
  steps = np.diff(frames, axis=1)
  assert steps.min() == 1 and steps.max() > 3
  assert (frames[:, -1] - frames[:, 0]).max() == 39
  assert set(frames[:500].ravel()) == set(range(40))
  assert frames[1000:].max() == 89


def test_unordered_clips_repeat_only_where_they_must():
  stage = stage_for(frames=8, ordered=False)
  lengths = np.repeat([1, 3, 8, 30], 1000)
  frames, _ = draw_clips(lengths, stage)
  counts = [np.bincount(clip, minlength=30) for clip in frames]
  counts = np.stack(counts).reshape(4, 1000, 30)
  assert (counts[0, :, 0] == 8).all()
  # With replacement: each of the three frames Binomial(8, 1/3).
  assert not counts[1, :, 3:].any()
  assert abs(counts[1, :, :3].var() - 8 * 2 / 9) < 0.2
  assert (counts[2, :, :8] == 1).all() and counts[3].max() == 1
  # Any frame is as likely as any other, at any place of the clip.
  for length, drawn in ((8, frames[2000:3000]), (30, frames[3000:])):
    for place in drawn.T:
      share = np.bincount(place, minlength=length) / 1000
      assert np.abs(share - 1 / length).max() < 5 * (1 / length / 1000) ** 0.5


@pytest.mark.parametrize(
  'ordered, skip, high',
  [(True, 0, 1), (True, 3, 1), (True, 2, 3), (False, 0, 1)],
)
def test_unfixed_clips_draw_their_number_of_frames(ordered, skip, high):
  stage = stage_for(
    frames_sampling='unfixed',
    frames_min=2,
    frames_max=5,
    ordered=ordered,
    frames_skip=skip,
    interval_max=high,
  )
  times, lengths = 6000, (3, 4, 9)
  frames, mask = draw_clips(np.repeat(lengths, times), stage)
  assert frames.shape == mask.shape == (3 * times, 5)
  counts = mask.sum(axis=1)
  np.testing.assert_array_equal(mask, np.arange(5) < counts[:, None])
  assert not frames[~mask].any()
  shares = np.bincount(counts, minlength=6)[2:] / len(counts)
  assert np.abs(shares - 1 / 4).max() < 0.03
  for row, length in enumerate(lengths):
    part = slice(row * times, (row + 1) * times)
    for count in range(2, 6):
      drawn = frames[part][counts[part] == count][:, :count]
      if ordered:
        assert_drawn_as(drawn, possible_clips(length, stage, count))
        continue
      assert drawn.max() == length - 1
      repeats = [len(set(clip)) < count for clip in drawn.tolist()]
      assert any(repeats) == (length < count)


def test_all_takes_the_beginning_of_each_sequence():
  stage = stage_for(frames_sampling='all', frames_limit=12)
  lengths = np.array([1, 9, 12, 40])
  frames, mask = draw_clips(lengths, stage)
  assert frames.shape == (4, 12)
  np.testing.assert_array_equal(mask.sum(axis=1), np.minimum(lengths, 12))
  np.testing.assert_array_equal(frames, np.arange(12) * mask)


@pytest.mark.parametrize(
  'changes, expected',
  [
    ({'frames': 17}, (17,)),
    ({'frames_sampling': 'unfixed'}, (10, 20, 30, 40, 50)),
    (
      {'frames_sampling': 'unfixed', 'frames_min': 20, 'frames_max': 40},
      (20, 30, 40),
    ),
    ({'frames_sampling': 'unfixed', 'frames_min': 3, 'frames_max': 6}, (6,)),
    ({'frames_sampling': 'unfixed', 'frames_min': 30, 'frames_max': 30}, (30,)),
    ({'frames_sampling': 'all'}, (150, 300, 450, 600, 720)),
    ({'frames_sampling': 'all', 'frames_limit': 47}, (10, 20, 30, 40, 47)),
  ],
)
def test_padded_lengths_are_few_and_known(changes, expected):
  sizes = sampler.clip_lengths(stage_for(**changes), 2000)
  assert sizes == expected and len(sizes) <= sampler.MAX_LENGTHS
  shorter = sampler.clip_lengths(stage_for(**changes), 25)
  if changes.get('frames_sampling') == 'all':
    assert shorter == (10, 20, 25)
  else:
    assert shorter == expected


def test_a_batch_is_padded_to_the_least_length_that_holds_it():
  stage = stage_for(frames_sampling='unfixed', frames_min=5, frames_max=33)
  seen = set()
  for seed in range(60):
    frames, mask = draw_clips([50, 60], stage, seed)
    most = mask.sum(axis=1).max()
    assert frames.shape[1] == min(-(-most // 10) * 10, 33)
    seen.add(frames.shape[1])
  assert seen == {10, 20, 30, 33}


def test_a_step_is_drawn_from_13000_sequences_in_about_a_millisecond():
  big = numbered.sequence_set(120, 10, 11, lengths=(1, 2))
  index = sampler.make_index(big)
  stage = default.label_free_stage(pairs='synchronised_views')
  start = time.perf_counter()
  for rng in generators(20):
    sampler.label_free_rows(index, stage, rng)
    sampler.clip_frames(np.full(128, 100), stage, rng, (30,))
  assert (time.perf_counter() - start) / 20 < 0.01  # busy machines included


def test_fixed_windows_are_the_same_for_training_and_for_test():
  people = numbered.sequence_set(2)
  cut = sampler.fixed_windows(people, 8, seed=3)
  np.testing.assert_array_equal(cut.lengths, np.minimum(people.lengths, 8))
  positions = sampler.fixed_positions(len(people), 3)
  windows = sampler.window(people.lengths, 8, positions)
  for row in np.flatnonzero(people.lengths >= 8):
    np.testing.assert_array_equal(cut[row], people[row][windows[row]])
  short = np.flatnonzero(people.lengths < 8)
  assert all(len(cut[row]) == people.lengths[row] for row in short)
