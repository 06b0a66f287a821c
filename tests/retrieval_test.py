"""Distances and rankings against simple float64 loops."""

import jax.numpy as jnp
import numpy as np
import pytest

from selfgait_jax import errors, retrieval


def slow_distance(probes, gallery, metric):
  x, y = np.float64(probes)[:, None], np.float64(gallery)[None]
  if metric == 'euclidean':
    return np.linalg.norm(x - y, axis=-1).mean(axis=-1)
  if metric == 'flattened':
    return np.sqrt(((x - y) ** 2).sum(axis=(-1, -2)))
  norms = np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1)
  cosine = (x * y).sum(axis=-1) / np.where(norms > 0, norms, 1)
  return 1 - cosine.mean(axis=-1)


def draw(seed, *shape):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.fixture
def small_blocks(monkeypatch):
  monkeypatch.setattr(retrieval, 'PROBE_BLOCK', 7)
  monkeypatch.setattr(retrieval, 'GALLERY_BLOCK', 11)
  monkeypatch.setattr(retrieval, 'HOST_BLOCK', 60)


@pytest.mark.parametrize('metric', retrieval.METRICS)
def test_distance_equals_float64_loops(metric, small_blocks):
  probes, gallery = draw(0, 23, 5, 8), draw(1, 30, 5, 8)
  found = retrieval.pairwise_distance(probes, gallery, metric)
  assert found.dtype == np.float32
  np.testing.assert_allclose(
    found, slow_distance(probes, gallery, metric), rtol=1e-5, atol=1e-6
  )
  on_device = retrieval.pairwise_distance(
    jnp.asarray(probes), jnp.asarray(gallery), metric
  )
  np.testing.assert_array_equal(found, on_device)


@pytest.mark.parametrize('metric', retrieval.METRICS)
def test_zero_vectors_are_safe(metric):
  probes, gallery = draw(0, 3, 2, 4), draw(1, 4, 2, 4)
  probes[0], gallery[1], gallery[2, 0] = 0, 0, 0
  found = retrieval.pairwise_distance(probes, gallery, metric)
  expected = slow_distance(probes, gallery, metric)
  np.testing.assert_allclose(found, expected, atol=1e-6)


def test_half_precision_input_is_compared_in_float32():
  # Squared norms beyond float16: OpenGait's evaluator gives inf or NaN here.
  probes, gallery = (200 * draw(s, 4, 2, 64) for s in (0, 1))
  half = retrieval.pairwise_distance(np.float16(probes), np.float16(gallery))
  expected = slow_distance(np.float16(probes), np.float16(gallery), 'euclidean')
  np.testing.assert_allclose(half, expected, rtol=1e-5)


@pytest.mark.parametrize('metric', ['euclidean', 'flattened'])
def test_close_vectors_far_from_zero_keep_their_digits(metric):
  offset = 100 * draw(2, 1, 3, 16)
  probes, gallery = draw(0, 6, 3, 16) + offset, draw(1, 8, 3, 16) + offset
  np.testing.assert_allclose(
    retrieval.pairwise_distance(probes, gallery, metric),
    slow_distance(probes, gallery, metric),
    rtol=1e-5,
  )


@pytest.mark.parametrize('metric', retrieval.METRICS)
@pytest.mark.parametrize('count', [1, 3, 4, 5])
def test_few_probes_have_the_distances_of_many(metric, count):
  probes, gallery = draw(0, 20, 5, 8), draw(1, 70, 5, 8)
  gallery[3, 2], gallery[5], probes[0, 1] = 0, probes[0], 0
  few = retrieval.pairwise_distance(probes[:count], gallery, metric)
  expected = slow_distance(probes[:count], gallery, metric)
  np.testing.assert_allclose(few, expected, rtol=1e-5, atol=1e-6)
  # Products lose digits where vectors are equal: probe 0 and gallery row 5.
  many = retrieval.pairwise_distance(probes, gallery, metric)[:count]
  np.testing.assert_allclose(few, many, rtol=1e-5, atol=2e-3)


def test_few_probes_are_not_padded_to_a_block_of_products():
  for count, rows in {1: 1, 2: 2, 3: 4, 4: 4, 5: 64, 65: 128}.items():
    [(_, block)] = retrieval._blocks(draw(0, count, 2, 4), 1024, retrieval.FEW)
    assert len(block) == rows
    program = retrieval._distance.lower(block, block, 'euclidean').as_text()
    assert ('dot_general' in program) == (rows > retrieval.FEW)


@pytest.mark.parametrize('metric', retrieval.METRICS)
@pytest.mark.parametrize('count', [1, 2, 20])
def test_nearest_equals_a_stable_sort_of_all(metric, count, small_blocks):
  # Small whole numbers: distances are exact, and many of them tie.
  rng = np.random.default_rng(0)
  probes = rng.integers(-1, 2, (count, 1, 3)).astype(np.float32)
  gallery = rng.integers(-1, 2, (40, 1, 3)).astype(np.float32)
  if metric == 'cosine':
    probes, gallery = np.sign(probes[..., :1]), np.sign(gallery[..., :1])
  everything = retrieval.pairwise_distance(probes, gallery, metric)
  order = np.argsort(everything, axis=1, kind='stable')
  distances, indices = retrieval.nearest(probes, gallery, 13, metric)
  np.testing.assert_array_equal(indices, order[:, :13])
  np.testing.assert_array_equal(
    distances, np.take_along_axis(everything, order, 1)[:, :13]
  )


def test_nearest_of_a_small_gallery_is_the_gallery():
  distances, indices = retrieval.nearest(draw(0, 2, 1, 3), draw(1, 5, 1, 3), 9)
  assert distances.shape == (2, 5)
  np.testing.assert_array_equal(np.sort(indices), [range(5)] * 2)


def slow_ranks(distance, mates):
  lists = []
  for d, m in zip(distance, mates, strict=True):
    order = [i for i in np.argsort(d, kind='stable') if np.isfinite(d[i])]
    lists.append([rank for rank, i in enumerate(order, 1) if m[i]])
  return lists


def test_ranks_and_scores_equal_a_stable_sort():
  rng = np.random.default_rng(3)
  distance = rng.integers(0, 6, (50, 17)).astype(np.float32)  # many ties
  distance[rng.random(distance.shape) < 0.1] = np.inf
  mates = rng.random(distance.shape) < 0.15
  ranks = retrieval.mate_ranks(distance, mates)
  slow = slow_ranks(distance, mates)
  assert [list(r[r > 0]) for r in ranks] == slow
  assert any(not r for r in slow), 'some probe has no mate'

  for k in (1, 2, 5, 30):
    hit = [bool(r) and r[0] <= k for r in slow]
    np.testing.assert_array_equal(retrieval.hits(ranks, k), hit)
    curve = retrieval.cumulative_match(ranks, 30)
    assert curve[k - 1] == pytest.approx(np.mean(hit))
  precision = retrieval.average_precision(ranks)
  penalty = retrieval.inverse_negative_penalty(ranks)
  for i, r in enumerate(slow):
    if not r:
      assert np.isnan(precision[i])
      assert np.isnan(penalty[i])
      continue
    expected = np.mean([n / rank for n, rank in enumerate(r, 1)])
    assert precision[i] == pytest.approx(expected)
    assert penalty[i] == pytest.approx(len(r) / r[-1])


def test_scores_of_a_hand_made_ranking():
  ranks = np.array([[2, 3], [1, 5], [0, 0]])
  np.testing.assert_allclose(
    retrieval.average_precision(ranks), [7 / 12, 0.7, np.nan]
  )
  np.testing.assert_allclose(
    retrieval.inverse_negative_penalty(ranks), [2 / 3, 0.4, np.nan]
  )


def test_of_equals_the_earlier_in_the_gallery_comes_first():
  distance = np.zeros((1, 4), np.float32)
  ranks = retrieval.mate_ranks(distance, np.array([[False, False, True, True]]))
  np.testing.assert_array_equal(ranks, [[3, 4]])


def test_bad_input_is_one_sentence():
  x = draw(0, 2, 1, 3)
  with pytest.raises(errors.UserError, match='euclidean, flattened, cosine'):
    retrieval.pairwise_distance(x, x, 'manhattan')
  with pytest.raises(errors.UserError, match=r'\(2, 1, 3\) and \(2, 1, 4\)'):
    retrieval.pairwise_distance(x, draw(0, 2, 1, 4))
  with pytest.raises(errors.UserError, match=r'\[M, P, D\]'):
    retrieval.nearest(x[:, 0], x[:, 0], 1)
