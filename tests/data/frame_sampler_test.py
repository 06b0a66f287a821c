"""Clips have the frames that their settings ask for, drawn from the seed."""

import collections
import itertools

import numbered
import numpy as np
import pytest

from selfgait_jax.configs import default
from selfgait_jax.data import draws, frame_sampler


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
  sizes = frame_sampler.clip_lengths(stage, max(lengths))
  return frame_sampler.clip_frames(
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
  stage = default.label_free_stage(
    frames=4, frames_skip=skip, interval_min=low, interval_max=high
  )
  kinds, times = (1, 2, 3, 4, 5, 7, 8, 11, 13, 14), 2000
  frames, mask = draw_clips(np.repeat(kinds, times), stage)
  assert mask is None and frames.shape == (times * len(kinds), 4)
  for length, drawn in zip(kinds, np.split(frames, len(kinds)), strict=True):
    assert_drawn_as(drawn, possible_clips(length, stage, 4))


def test_short_sequences_wrap_as_the_original_does():
  stage = default.label_free_stage(frames=6, interval_min=3, interval_max=3)
  found = {tuple(clip) for clip in draw_clips([7] * 200, stage)[0].tolist()}
  assert (3, 6, 2, 5, 1, 4) in found and len(found) == 6


def test_skipped_frames_leave_a_sorted_choice_out_of_a_window():
  stage = default.label_free_stage(frames=30, frames_skip=10)
  frames, _ = draw_clips(np.repeat([40, 41, 90], 500), stage)
  steps = np.diff(frames, axis=1)
  assert steps.min() == 1 and steps.max() > 3
  assert (frames[:, -1] - frames[:, 0]).max() == 39
  assert set(frames[:500].ravel()) == set(range(40))
  assert frames[1000:].max() == 89


def test_unordered_clips_repeat_only_where_they_must():
  stage = default.label_free_stage(frames=8, ordered=False)
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
  stage = default.label_free_stage(
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
  stage = default.label_free_stage(frames_sampling='all', frames_limit=12)
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
  sizes = frame_sampler.clip_lengths(default.label_free_stage(**changes), 2000)
  assert sizes == expected and len(sizes) <= frame_sampler.MAX_LENGTHS
  shorter = frame_sampler.clip_lengths(default.label_free_stage(**changes), 25)
  if changes.get('frames_sampling') == 'all':
    assert shorter == (10, 20, 25)
  else:
    assert shorter == expected


def test_a_batch_is_padded_to_the_least_length_that_holds_it():
  stage = default.label_free_stage(
    frames_sampling='unfixed', frames_min=5, frames_max=33
  )
  seen = set()
  for seed in range(60):
    frames, mask = draw_clips([50, 60], stage, seed)
    most = mask.sum(axis=1).max()
    assert frames.shape[1] == min(-(-most // 10) * 10, 33)
    seen.add(frames.shape[1])
  assert seen == {10, 20, 30, 33}


def test_fixed_windows_are_the_same_for_training_and_for_test():
  people = numbered.sequence_set(2)
  cut = frame_sampler.fixed_windows(people, 8, seed=3)
  np.testing.assert_array_equal(cut.lengths, np.minimum(people.lengths, 8))
  positions = frame_sampler.fixed_positions(len(people), 3)
  windows = frame_sampler.window(people.lengths, 8, positions)
  for row in np.flatnonzero(people.lengths >= 8):
    np.testing.assert_array_equal(cut[row], people[row][windows[row]])
  short = np.flatnonzero(people.lengths < 8)
  assert all(len(cut[row]) == people.lengths[row] for row in short)


def test_the_middle_of_a_sequence():
  whole = numbered.sequence_set(2, lengths=(3, 30))
  cut = frame_sampler.middle(whole, 10)
  for row in range(len(whole)):
    ours = numbered.frame_numbers(cut[row])
    all_frames = numbered.frame_numbers(whole[row])
    left, right = ours[0] - all_frames[0], all_frames[-1] - ours[-1]
    assert len(ours) == min(10, len(all_frames))
    assert right - left in (0, 1)


def test_clips_of_equal_length_repeat_short_sequences():
  whole = numbered.sequence_set(2, lengths=(3, 30))
  clips = frame_sampler.equal_clips(whole, 8)
  assert clips.frames.shape[0] == 8 * len(whole)
  for row in range(len(whole)):
    expected = numbered.frame_numbers(frame_sampler.middle(whole, 8)[row])
    found = numbered.frame_numbers(clips[row])
    np.testing.assert_array_equal(found, np.resize(expected, 8))
