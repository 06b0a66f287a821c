"""Open-set rates against plain loops over thresholds, clips and people."""

import numpy as np
import pytest

from selfgait_jax.protocols import open_set

NAMES = ['eer', 'tar_far_0.01', 'tar_far_0.001', 'dir_far_0.01']


def draw(seed, clips=300, enrolled=9, strangers=2, levels=40):
  """Trials with many ties; some people cannot be compared."""
  rng = np.random.default_rng(seed)
  people = rng.integers(0, enrolled + strangers, clips)
  distance = rng.integers(5, levels, (clips, enrolled)).astype(np.float32)
  own = people[:, None] == np.arange(enrolled)
  distance[own] -= rng.integers(0, 12, own.sum())
  distance[rng.random(distance.shape) < 0.05] = np.inf
  return open_set.Trials(distance, people)


def listed(trials):
  """(genuine, impostor) distances of all trials."""
  found = ([], [])
  for row, person in zip(trials.distance, trials.people, strict=True):
    for column, distance in enumerate(row):
      if np.isfinite(distance):
        found[int(column != person)].append(distance)
  return found


def slow_tar(genuine, impostor, far):
  best = 0.0
  for limit in {*genuine, *impostor}:
    if np.mean([d <= limit for d in impostor]) <= far:
      best = max(best, np.mean([d <= limit for d in genuine]))
  return 100 * best


def slow_eer(genuine, impostor):
  points = [(0.0, 1.0)] + [
    (
      np.mean([d <= limit for d in impostor]),
      np.mean([d > limit for d in genuine]),
    )
    for limit in sorted({*genuine, *impostor})
  ]
  for (accept, reject), (next_accept, next_reject) in zip(
    points, points[1:], strict=False
  ):
    if next_accept >= next_reject:
      share = (reject - accept) / (next_accept - accept + reject - next_reject)
      return 100 * (accept + share * (next_accept - accept))
  raise AssertionError


def slow_dir(trials, far):
  """Every clip once with its person enrolled, once without."""
  own, strange = [], []
  for row, person in zip(trials.distance, trials.people, strict=True):
    order = sorted(range(len(row)), key=lambda i: (row[i], i))
    enrolled = person < len(row) and np.isfinite(row[person])
    if enrolled:
      own.append(row[person] if order[0] == person else np.inf)
    others = [row[i] for i in order if i != person and np.isfinite(row[i])]
    strange += others[:1]
  best = 0.0
  for limit in {*own, *strange} - {np.inf}:
    if np.mean([d <= limit for d in strange]) <= far:
      best = max(best, np.mean([d <= limit for d in own]))
  return 100 * best


@pytest.mark.parametrize('seed', range(4))
def test_rates_equal_loops_over_all_thresholds(seed):
  trials = draw(seed)
  genuine, impostor = listed(trials)
  found = open_set.rates(trials)
  assert list(found) == NAMES
  expected = {
    'eer': slow_eer(genuine, impostor),
    'tar_far_0.01': slow_tar(genuine, impostor, 0.01),
    'tar_far_0.001': slow_tar(genuine, impostor, 0.001),
    'dir_far_0.01': slow_dir(trials, 0.01),
  }
  for name, value in expected.items():
    assert found[name].value == pytest.approx(value), name
    assert found[name].low <= found[name].high
    assert 0 <= found[name].low <= value <= found[name].high <= 100
  assert 0 < expected['eer'] < 50 and 0 < expected['dir_far_0.01'] < 100


def test_the_threshold_accepts_as_many_impostors_as_it_may():
  for seed in range(4):
    trials = draw(seed)
    genuine, impostor = listed(trials)
    limit = open_set.threshold(trials, 0.05)
    assert np.mean(np.array(impostor) <= limit) <= 0.05
    above = min(d for d in genuine + impostor if d > limit)
    assert np.mean(np.array(impostor) <= above) > 0.05
  same = open_set.Trials(np.zeros((50, 3), np.float32), np.arange(50) % 3)
  assert open_set.threshold(same, 0.01) == -np.inf
  assert open_set.threshold(same, 0.001) is None
  without_probes = open_set.Trials(same.distance, np.zeros(50, int))
  assert open_set.threshold(without_probes, 0.01) == -np.inf


def test_strangers_are_clips_without_their_own_person():
  distance = np.float32([[1, 5, 9], [1, 5, 9], [3, 1, np.inf]])
  trials = open_set.Trials(distance, np.array([0, 1, 7]))
  assert open_set.strangers_accepted(trials, 4) == pytest.approx(2 / 3)
  nobody = open_set.Trials(distance[:1, :1], np.array([0]))
  assert open_set.strangers_accepted(nobody, 4) is None


def test_the_bootstrap_draws_people_with_all_their_clips():
  """One replicate by hand: a person drawn twice counts twice, on both sides."""
  trials = draw(5, clips=60, enrolled=4, strangers=1)
  weights = np.array([2, 0, 1, 1, 1])
  genuine, impostor = [], []
  for row, person in zip(trials.distance, trials.people, strict=True):
    for column, distance in enumerate(row):
      if not np.isfinite(distance):
        continue
      if column == person:
        genuine += [distance] * weights[person]
      else:
        impostor += [distance] * (weights[person] * weights[column])
  pairs = open_set._pairs(trials)
  found = open_set._measure(pairs, open_set._best(trials), 1, weights)
  assert found['eer'] == pytest.approx(slow_eer(genuine, impostor))
  assert found['tar_far_0.01'] == pytest.approx(
    slow_tar(genuine, impostor, 0.01)
  )


def test_intervals_shrink_with_more_people_and_not_with_more_clips():
  width = lambda trials: (lambda rate: rate.high - rate.low)(
    open_set.rates(trials)['eer']
  )
  few = draw(0, clips=200, enrolled=6, strangers=0)
  copies = open_set.Trials(
    np.repeat(few.distance, 4, axis=0), np.repeat(few.people, 4)
  )
  assert width(copies) == pytest.approx(width(few), rel=1e-6)
  many = draw(0, clips=2000, enrolled=60, strangers=0)
  assert width(many) < width(few) / 2


@pytest.mark.parametrize(
  ('distance', 'people', 'known'),
  [
    (np.zeros((0, 0)), [], []),
    (np.ones((5, 1)), [0] * 5, []),  # nobody else
    (np.ones((5, 2)), [2] * 5, []),  # nobody enrolled
    (np.full((5, 2), np.inf), [0, 1, 0, 1, 0], []),
    (np.ones((99, 2)), [0, 1] * 49 + [0], ['eer']),
    (np.ones((100, 2)), [0, 1] * 50, ['eer', 'tar_far_0.01', 'dir_far_0.01']),
    (np.ones((1000, 2)), [0, 1] * 500, NAMES),
  ],
)
def test_nothing_is_claimed_of_too_few_impostors(distance, people, known):
  trials = open_set.Trials(np.float32(distance), np.array(people, int))
  found = open_set.rates(trials)
  assert list(found) == NAMES
  assert [name for name in NAMES if found[name].value is not None] == known
