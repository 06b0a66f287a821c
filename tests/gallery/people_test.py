"""The index on the device and people's distances, against plain loops."""

import numpy as np
import pytest

from selfgait_jax import errors, retrieval
from selfgait_jax.gallery import index, people, ranking, rows


def draw(seed, *shape):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize('metric', retrieval.METRICS)
@pytest.mark.parametrize('count', [1, 9])
def test_the_index_has_the_distances_of_all_rows(metric, count):
  gallery, probes = draw(0, 150, 3, 4), draw(1, count, 3, 4)
  gallery[7] = gallery[100]
  found = index.Index(metric, block=64)
  start = 0
  for size in (1, 1, 30, 70, 1, 47):
    found.append(gallery[start : start + size])
    start += size
  assert len(found) == 150
  expected = retrieval.pairwise_distance(probes, gallery, metric)
  np.testing.assert_allclose(
    found.distances(probes), expected, rtol=1e-5, atol=1e-6
  )
  gone = np.array([0, 3, 63, 64, 149])
  found.remove(gone)
  expected[:, gone] = np.inf
  np.testing.assert_allclose(
    found.distances(probes), expected, rtol=1e-5, atol=1e-6
  )
  assert not np.asarray(found._blocks[1])[0].any(), 'zeros in memory, too'
  found.append(gallery[:2])
  assert np.isfinite(found.distances(probes)[:, 150:]).all()


def test_growing_compiles_nothing():
  found = index.Index('euclidean', block=64)
  found.append(draw(0, 3, 2, 4))
  found.append(draw(0, 1, 2, 4))
  found.append(draw(0, 30, 2, 4))
  found.distances(draw(1, 1, 2, 4))
  sizes = lambda: (index._put._cache_size(), retrieval._distance._cache_size())
  before = sizes()
  for seed in range(40):
    found.append(draw(seed, 1 + seed % 20, 2, 4))
    found.distances(draw(1, 1, 2, 4))
  found.remove(np.arange(100))
  assert sizes() == before and len(found) > 4 * 64


def slow_person_distances(distance, person, count, by):
  found = np.full((len(distance), count), np.inf)
  for row, values in enumerate(distance):
    for own in range(count):
      mine = sorted(v for v, p in zip(values, person, strict=True) if p == own)
      mine = [v for v in mine if np.isfinite(v)]
      if mine:
        mine = mine[: 1 if by == 'nearest' else ranking.CLIPS]
        found[row, own] = np.mean(mine)
  return found


@pytest.mark.parametrize('by', ranking.BY)
@pytest.mark.parametrize('seed', range(3))
def test_people_have_the_distance_of_their_clips(by, seed):
  rng = np.random.default_rng(seed)
  distance = rng.integers(0, 9, (6, 40)).astype(np.float32)
  distance[rng.random(distance.shape) < 0.3] = np.inf
  person = rng.integers(0, 9, 40)
  person[person == 4] = 5  # a person without clips
  found = ranking.person_distances(distance, person, 10, by)
  expected = slow_person_distances(distance, person, 10, by)
  np.testing.assert_allclose(found, expected, rtol=1e-6)
  none = ranking.person_distances(distance[:, :0], person[:0], 2, by)
  assert np.isinf(none).all() and none.shape == (6, 2)


def test_the_first_of_equals_comes_first():
  distance = np.float32([3, 1, np.inf, 1, 2, 1])
  assert list(ranking.first(distance, 2)) == [1, 3]
  assert list(ranking.first(distance, 99)) == [1, 3, 5, 4, 0]
  assert list(ranking.first(distance[2:3], 1)) == []


def test_another_way_to_compare_is_refused():
  with pytest.raises(errors.UserError, match='nearest or mean, found median'):
    ranking.check_by('median')


def made(names, gallery):
  found = people.People('euclidean')
  found.add(
    rows.Row(10 + i, name, f'walk {i}', gallery[i])
    for i, name in enumerate(names)
  )
  return found


@pytest.mark.parametrize('by', ranking.BY)
def test_the_nearest_people_and_their_nearest_clips(by):
  rng = np.random.default_rng(0)
  names = [f'person {i}' for i in rng.integers(0, 8, 50)]
  gallery, probes = draw(0, 50, 2, 3), draw(1, 6, 2, 3)
  found = made(names, gallery)
  distance = retrieval.pairwise_distance(probes, gallery)
  order = list(dict.fromkeys(names))
  assert found.names() == order
  expected = slow_person_distances(
    distance, [order.index(name) for name in names], len(order), by
  )
  for row, near in enumerate(found.nearest(probes, 3, by)):
    nearest = np.argsort(expected[row], kind='stable')[:3]
    assert [one.name for one in near] == [order[i] for i in nearest]
    for one in near:
      own = [i for i, name in enumerate(names) if name == one.name]
      first = own[int(distance[row, own].argmin())]
      assert one.source == f'walk {first}'
      assert one.distance == pytest.approx(
        expected[row, order.index(one.name)], rel=1e-5
      )


def test_renamed_and_removed_people():
  gallery = draw(0, 6, 2, 3)
  found = made(['anna', 'ben', 'anna', 'cleo', 'ben', 'ben'], gallery)
  names = {10: 'anna', 12: 'anna', 13: 'dora'}
  found.keep(names)
  assert len(found) == 3 and found.names() == ['anna', 'dora']
  near = found.nearest(gallery[3:4], 9, 'nearest')[0]
  assert [(one.name, one.source) for one in near][0] == ('dora', 'walk 3')
  assert len(near) == 2
  left_out = found.distances(gallery[3:5], 'nearest', [13, None])
  assert np.isinf(left_out[0, 1]) and np.isfinite(left_out[1, 1])
  found.keep({})
  assert found.nearest(gallery[:1], 2, 'mean') == [[]]
