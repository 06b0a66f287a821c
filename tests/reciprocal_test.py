"""Sparse neighbourhoods and Jaccard distances against dense arithmetic."""

import numpy as np
import pytest
from scipy import sparse

from selfgait_jax import reciprocal


def rows_that_sum_to_one(count=40, columns=30, seed=0):
  rng = np.random.default_rng(seed)
  dense = rng.random((count, columns)) * (rng.random((count, columns)) < 0.2)
  dense[:, 0] += 0.01
  return (dense / dense.sum(axis=1, keepdims=True)).astype(np.float32)


def dense_jaccard(dense):
  low = np.minimum(dense[:, None], dense[None]).sum(axis=2)
  high = np.maximum(dense[:, None], dense[None]).sum(axis=2)
  return 1 - low / high


@pytest.mark.parametrize('rows', [7, 1024])
def test_jaccard_equals_the_dense_one(rows, monkeypatch):
  monkeypatch.setattr(reciprocal, 'ROWS', rows)
  dense = rows_that_sum_to_one()
  found = reciprocal.jaccard(sparse.csr_array(dense), 0.7).toarray()
  expected = dense_jaccard(dense)
  np.fill_diagonal(expected, 1)
  near = expected <= 0.7
  assert near.any() and not near.all()
  np.testing.assert_allclose(found[near], expected[near], atol=1e-5)
  assert (found[~near] == 0).all()


def test_equal_neighbourhoods_are_near_and_stored():
  dense = np.repeat(rows_that_sum_to_one(1), 3, axis=0)
  found = reciprocal.jaccard(sparse.csr_array(dense), 0.5)
  assert found.nnz == 6 and (found.data > 0).all()
  assert found.data.max() < 1e-5


def test_weights_of_a_neighbourhood_sum_to_one():
  rng = np.random.default_rng(1)
  points = rng.normal(size=(50, 3))
  distance = np.linalg.norm(points[:, None] - points, axis=2)
  nearest = np.argsort(distance, axis=1)[:, :6]
  blocks = [slice(0, 20), slice(20, 50)]
  encoded, largest = reciprocal.encode(
    nearest, 2, lambda rows: distance[rows], blocks
  )
  np.testing.assert_allclose(encoded.sum(axis=1), 1, rtol=1e-5)
  np.testing.assert_allclose(largest, distance.max(axis=1), rtol=1e-6)
