"""Verdicts on rendered walkers, whole and with known faults."""

import cv2
import numpy as np
import pytest

import selfgait_jax
from selfgait_jax import errors
from selfgait_jax.clips import measures, quality
from selfgait_jax.data.prepare import alignment
from selfgait_jax.data.walkers import walkers

FRAMES = 50
VIEWS = ('000', '036', '090', '162')


@pytest.fixture(scope='module')
def clips():
  """{view: uint8 [T, 64, 64]} of one walker."""
  return {
    view: walkers.render_sequence('003', 'nm-01', view, FRAMES, seed=0)
    for view in VIEWS
  }


@pytest.mark.parametrize('subject', ['001', '002'])
@pytest.mark.parametrize('condition', ['nm-01', 'bg-01', 'cl-01'])
@pytest.mark.parametrize('view', ['000', '054', '090'])
def test_walkers_are_good(subject, condition, view):
  clip = walkers.render_sequence(subject, condition, view, FRAMES, seed=1)
  found = selfgait_jax.quality(clip)
  assert found.verdict == 'good' and found.reasons == ()
  assert found.frames == found.usable == FRAMES
  assert 0.1 < found.area < 0.35 and found.cut < 0.1
  assert found.largest_piece > 0.9 and found.centring <= 1
  narrow = selfgait_jax.quality(clip[:, :, 10:54])
  assert narrow.verdict == 'good' and narrow.area == found.area


def noise(clip, share):
  rng = np.random.default_rng(0)
  return (rng.random(clip.shape) < share) * np.uint8(255)


def raw(clip, margin=8):
  """Masks of 480 pixels with a border."""
  large = [
    cv2.resize(f, (480, 480), interpolation=cv2.INTER_NEAREST) for f in clip
  ]
  return np.pad(large, ((0, 0), (margin, margin), (margin, margin)))


def again(masks):
  return np.stack([alignment.align(mask) for mask in masks])


def cut_at_waist(clip):
  return again(raw(clip)[:, :260])


def without_head(clip):
  return again(raw(clip)[:, 110:])


def half_seen(clip):
  return again(raw(clip)[:, :, 240:])


def in_two(clip):
  clip = clip.copy()
  clip[:, 28:36] = 0
  return clip


def two_people(clip):
  return np.concatenate([clip[:, :, 16:48]] * 2, axis=2)


def shifted(pixels):
  return lambda clip: np.roll(clip, pixels, axis=2)


def far_away(clip):
  small = np.stack([cv2.resize(frame, (40, 40)) for frame in clip])
  return np.pad(small, ((0, 0), (12, 12), (12, 12)))


def some(count, fault):
  """The fault in the first `count` frames."""
  return lambda clip: np.concatenate([fault(clip)[:count], clip[count:]])


NOT_GOOD = ('doubtful', 'refused')
FAULTS = {  # (fault, verdict or verdicts, words of a reason)
  'blank': (lambda clip: clip * 0, 'refused', '50 blank'),
  'inverted': (lambda clip: 255 - clip, 'refused', '50 inverted'),
  'full': (lambda clip: clip | 255, 'refused', '50 inverted or filled'),
  'dim': (lambda clip: clip // 3, 'refused', '50 blank'),
  'noise 2 %': (lambda clip: noise(clip, 0.02), 'refused', 'almost no person'),
  'noise 5 %': (lambda clip: noise(clip, 0.05), 'refused', 'in pieces'),
  'noise 20 %': (lambda clip: noise(clip, 0.2), 'refused', 'in pieces'),
  'noise 50 %': (lambda clip: noise(clip, 0.5), 'refused', 'almost full'),
  'on noise': (lambda clip: clip | noise(clip, 0.2), 'refused', 'piece'),
  'on some noise': (lambda clip: clip | noise(clip, 0.1), NOT_GOOD, 'piece'),
  'cut at the waist': (cut_at_waist, 'refused', 'cut at a border'),
  'in two': (in_two, NOT_GOOD, 'largest piece'),
  'two people': (two_people, 'refused', 'piece'),
  'off by 5': (shifted(5), 'doubtful', '5 pixels'),
  'off by -12': (shifted(-12), 'refused', '12 pixels'),
  'far away': (far_away, 'refused', '12 pixels'),
  'still': (lambda clip: clip[:1].repeat(FRAMES, 0), 'doubtful', 'not move'),
  '20 frames': (lambda clip: clip[:20], 'doubtful', '20 usable frames'),
  '4 frames': (lambda clip: clip[:4], 'refused', '4 usable frames'),
  'one frame': (lambda clip: clip[:1], 'refused', '1 usable frames'),
  'some blank': (some(15, lambda c: c * 0), 'doubtful', '35 of 50'),
  'most blank': (some(30, lambda c: c * 0), 'refused', '20 of 50'),
  'some inverted': (some(15, lambda c: 255 - c), 'doubtful', '35 of 50'),
  'some cut': (some(20, cut_at_waist), 'doubtful', 'cut at a border'),
}


@pytest.mark.parametrize('view', VIEWS)
@pytest.mark.parametrize('name', FAULTS)
def test_faults_are_found(clips, view, name):
  fault, verdict, words = FAULTS[name]
  found = selfgait_jax.quality(fault(clips[view]))
  assert found.verdict in verdict and found.reasons
  assert any(words in reason for reason in found.reasons)


@pytest.mark.parametrize(
  'view', ['000', '036', '162']
)  # a neck is narrow in 090
def test_a_lost_head_is_found(clips, view):
  assert selfgait_jax.quality(without_head(clips[view])).verdict == 'refused'


@pytest.mark.parametrize('view', ['036', '090'])
def test_half_a_person_is_not_good(clips, view):
  found = selfgait_jax.quality(half_seen(clips[view]))
  assert found.verdict != 'good' and found.cut > 0.2


def test_a_few_bad_frames_change_nothing(clips):
  clip = some(5, lambda c: c * 0)(clips['090'])
  found = selfgait_jax.quality(clip)
  assert found.verdict == 'good' and found.usable == FRAMES - 5


@pytest.mark.parametrize('view', ['036', '090', '162'])
def test_cycles_are_counted_from_the_side_and_obliquely(clips, view):
  # 50 frames at 26 frames a cycle, times the walker's own cadence.
  assert 1.4 < selfgait_jax.quality(clips[view]).cycles < 2.6


@pytest.mark.parametrize('period', [8, 13, 25, 32])
def test_a_sine_has_its_period(period):
  legs = np.sin(2 * np.pi * np.arange(96) / period)
  cycle = 2 * period if period <= 18 else period
  assert measures.cycles(legs) == pytest.approx(96 / cycle, rel=0.1)


@pytest.mark.parametrize('legs', [np.zeros(50), np.arange(50.0), np.zeros(1)])
def test_without_a_period_no_cycle_is_counted(legs):
  assert measures.cycles(legs) == 0


def test_a_clip_without_frames_is_refused_with_the_reasons_of_its_reader():
  none = np.zeros((0, 64, 64), np.uint8)
  assert selfgait_jax.quality(none).reasons == ('no frame',)
  found = selfgait_jax.quality(selfgait_jax.Clip('a', none, ('not a file',)))
  assert found.verdict == 'refused' and found.reasons == ('not a file',)


@pytest.mark.parametrize('fault', ['blank', 'inverted'])
def test_frames_that_the_reader_left_out_count(clips, tmp_path, fault):
  bad = {'blank': lambda c: c * 0, 'inverted': lambda c: 255 - c}[fault]
  clip = some(20, bad)(clips['090'])
  np.save(tmp_path / 'a.npy', clip)
  (read,) = selfgait_jax.read_clips(tmp_path)
  found, same = selfgait_jax.quality(read), selfgait_jax.quality(clip)
  assert read.lost == 20 and len(read.frames) == 30
  assert found.verdict == same.verdict == 'doubtful'
  assert (found.frames, found.usable) == (same.frames, same.usable) == (50, 30)
  assert '30 of 50 frames are usable (20 left out)' in found.reasons


@pytest.mark.parametrize(
  'clip',
  [
    np.zeros((3, 64, 64), np.float32),
    np.zeros((3, 128, 64), np.uint8),
    np.zeros((64, 64), np.uint8),
    [],
  ],
)
def test_other_arrays_are_an_error(clip):
  with pytest.raises(errors.UserError, match='^expected a clip .* found'):
    selfgait_jax.quality(clip)


def test_every_limit_is_between_good_and_refused():
  for limit in quality.LIMITS.values():
    assert (limit.good < limit.usable) == limit.is_most
