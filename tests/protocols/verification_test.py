"""Verification rates against plain loops over all thresholds and pairs."""

import math
from fractions import Fraction

import numpy as np
import pytest

from selfgait_jax import protocols, retrieval
from selfgait_jax.protocols import verification

NAMES = ('eer', 'tar_far_0.01')


def by_threshold(genuine, impostor):
  """{name: percent}, by trying every distance as the threshold."""
  curve = [(Fraction(0), Fraction(0))]
  for threshold in sorted({*genuine, *impostor}):
    false = Fraction(sum(d <= threshold for d in impostor), len(impostor))
    true = Fraction(sum(d <= threshold for d in genuine), len(genuine))
    curve.append((false, true))
  allowed = max(true for false, true in curve if false <= Fraction(1, 100))
  for (false, true), (next_false, next_true) in zip(
    curve, curve[1:], strict=False
  ):
    if next_false + next_true >= 1:  # crosses false accepts = false rejects
      share = (1 - false - true) / (next_false + next_true - false - true)
      equal = false + share * (next_false - false)
      return {'eer': 100 * float(equal), 'tar_far_0.01': 100 * float(allowed)}
  raise AssertionError


def of_pairs(distances, mates, **settings):
  pairs = verification.Pairs(**settings)
  pairs.add(np.float32(distances), np.array(mates))
  return pairs.scores()


def of_lists(genuine, impostor):
  distances = np.concatenate([genuine, impostor])
  return of_pairs([distances], [np.arange(len(distances)) < len(genuine)])


@pytest.mark.parametrize('seed', range(5))
def test_equal_a_scan_of_thresholds_with_ties(seed):
  rng = np.random.default_rng(seed)
  genuine = rng.integers(0, 40, 60)
  impostor = rng.integers(20, 70, rng.integers(300, 600))
  found = of_lists(genuine, impostor)
  assert found == pytest.approx(by_threshold(genuine, impostor))
  assert 0 < found['eer'] < 50 and 0 < found['tar_far_0.01'] < 100


def test_distances_are_rounded_down_to_fourteen_bits():
  rng = np.random.default_rng(0)
  genuine = np.float32(1e-3 * rng.lognormal(0, 0.01, 400))
  impostor = np.float32(1.02e-3 * rng.lognormal(0, 0.01, 3000))

  def rounded(distances):
    parts = [math.frexp(distance) for distance in distances]
    return [math.ldexp(math.floor(m * 2**14), e - 14) for m, e in parts]

  found = of_lists(genuine, impostor)
  expected = by_threshold(rounded(genuine), rounded(impostor))
  assert found == pytest.approx(expected)
  exact = by_threshold(list(genuine), list(impostor))
  assert found == pytest.approx(exact, abs=2)


@pytest.mark.parametrize(
  ('genuine', 'impostor', 'equal', 'accepted'),
  [
    ([1, 2], [3, 4], 0, 100),
    ([3, 4], [1, 2], 100, 0),
    ([1, 1], [1, 1], 50, 0),
    ([0, -1e-7], [0, 0], 50, 0),  # a cosine may be a little below zero
    ([1, 5], [5, 9], 25, 50),
    # One of 100 impostors may pass, two may not.
    ([5], range(5, 105), 100 / 101, 100),
    ([6], range(5, 105), 200 / 101, 0),
  ],
)
def test_rates_of_a_few_distances(genuine, impostor, equal, accepted):
  found = of_lists(genuine, impostor)
  expected = {'eer': equal, 'tar_far_0.01': accepted}
  assert found == pytest.approx(expected)


def test_nothing_without_pairs_of_both_kinds():
  for found in (
    verification.Pairs().scores(),
    of_lists([1, 2], []),
    of_lists([], [1, 2]),
    of_lists([np.inf], [1, 2]),
  ):
    assert set(found) == set(NAMES)
    assert all(map(math.isnan, found.values()))


def test_blocks_add_up_and_infinity_leaves_out():
  rng = np.random.default_rng(1)
  distances = np.float32(rng.integers(4, 24, (8, 30)))
  mates = rng.random(distances.shape) < 0.2
  mates[3] = False
  distances[mates] -= 4
  mates[5] = [True] + [False] * 29
  distances[5, 0] = np.inf
  pairs = verification.Pairs()
  for rows in (slice(0, 3), slice(3, 3), slice(3, 8)):
    pairs.add(distances[rows], mates[rows])
  genuine = distances[mates & np.isfinite(distances)]
  expected = by_threshold(genuine, distances[~mates])
  assert pairs.scores() == pytest.approx(expected)

  found = of_pairs(distances, mates, mated_only=True)
  mated = [0, 1, 2, 4, 6, 7]  # 3 has no mate, 5 has none left
  expected = by_threshold(genuine, distances[mated][~mates[mated]])
  assert found == pytest.approx(expected)


def people(seed, conditions, views):
  """Sequences, some missing, whose distances are small whole numbers."""
  rng = np.random.default_rng(seed)
  keys = [
    (subject, condition, view)
    for subject in ('001', '002', '003', '004', '005')
    for condition in conditions
    for view in views
    if rng.random() < 0.85
  ]
  rng.shuffle(keys)
  embeddings = rng.integers(0, 12, (len(keys), 1, 1)).astype(np.float32)
  keys = np.array(keys)
  embeddings += 3 * keys[:, 0].astype(np.float32)[:, None, None]
  return embeddings, *keys.T


def check(name, data, group, counted, **settings):
  """Compares a group's rates with those of the pairs that `counted` allows."""
  metrics = protocols.evaluate(name, *data, **settings)['metrics']
  embeddings, subjects, conditions, views = data
  genuine, impostor = [], []
  for i in range(len(subjects)):
    for j in range(len(subjects)):
      if counted(i, j, subjects, conditions, views):
        distance = abs(embeddings[i] - embeddings[j]).item()
        same = subjects[i] == subjects[j]
        (genuine if same else impostor).append(distance)
  found = {key: metrics[f'{group}/{key}'] for key in NAMES}
  assert found == pytest.approx(by_threshold(genuine, impostor))


@pytest.fixture
def small_blocks(monkeypatch):
  monkeypatch.setattr(retrieval, 'HOST_BLOCK', 60)


@pytest.mark.parametrize('seed', range(2))
def test_identical_views_are_left_out(seed, small_blocks):
  nm = [f'nm-{n:02d}' for n in range(1, 7)]
  data = people(seed, [*nm, 'bg-01'], ['000', '018', '090'])
  for group, probes in (('nm', nm[4:]), ('bg', ['bg-01'])):
    check(
      'casiab',
      data,
      group,
      lambda i, j, _, conditions, views, probes=probes: (
        conditions[i] in probes
        and conditions[j] in nm[:4]
        and views[i] != views[j]
      ),
    )


def test_cross_view_leaves_out_the_own_subject_and_view(small_blocks):
  check(
    'oumvlp_cross_view',
    people(2, ['00', '01'], ['000', '090', '180']),
    'all',
    lambda i, j, subjects, conditions, views: (
      conditions[i] == '00'
      and conditions[j] == '01'
      and (subjects[i], views[i]) != (subjects[j], views[j])
    ),
  )


def test_grew_counts_all_pairs():
  check(
    'grew',
    people(3, ['01', '02'], ['x', 'y', 'z']),
    'all',
    lambda i, j, subjects, conditions, views: (
      conditions[i] == '02' and conditions[j] == '01'
    ),
  )


def test_gait3d_leaves_out_probes_without_a_mate():
  data = people(4, ['camid0', 'camid1'], ['seq0', 'seq1'])
  subjects, _, views = data[1:]
  is_probe = (views == 'seq1') | (subjects == '005')
  names = ['-'.join(key) for key in zip(*data[1:], strict=True)]
  check(
    'gait3d',
    data,
    'all',
    lambda i, j, subjects, *_: (
      is_probe[i] and not is_probe[j] and subjects[i] in subjects[~is_probe]
    ),
    probes=np.array(names)[is_probe],
  )


def test_ccpg_leaves_out_the_own_camera_and_probes_without_a_mate():
  data = people(5, ['U0_D0', 'U1_D1'], ['01_0', '01_1', '07_0'])
  # Subject 001 has no gallery under camera 07.
  keep = ~((data[1] == '001') & (data[2] == 'U1_D1') & (data[3] == '07_0'))
  data = [field[keep] for field in data]
  cameras = [view[:2] for view in data[3]]

  def ranked(i, j, subjects, conditions, _):
    own = subjects[i] == subjects[j] and cameras[i] == cameras[j]
    return conditions[i] == 'U0_D0' and conditions[j] == 'U1_D1' and not own

  def counted(i, j, subjects, conditions, views):
    mates = (
      ranked(i, other, subjects, conditions, views)
      for other in np.flatnonzero(subjects == subjects[i])
    )
    return ranked(i, j, subjects, conditions, views) and any(mates)

  check('ccpg', data, 'cl', counted)


def test_a_group_with_one_subject_has_no_impostors():
  data = people(6, ['nm-01', 'nm-05'], ['000', '090'])
  data = [field[data[1] == '001'] for field in data]
  metrics = protocols.evaluate('casiab', *data)['metrics']
  assert metrics['nm/eer'] is None and metrics['nm/tar_far_0.01'] is None
