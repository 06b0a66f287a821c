"""DeepGaitV2: the embedding behind the neck."""

import functools

import numpy as np
import random_networks
from random_networks import drawn, error


def test_embedding_behind_the_neck():
  """Only in evaluation: losses on embeddings use those before the neck."""
  model, variables, _ = drawn('deepgaitv2')
  before = random_networks.make('deepgaitv2', use_emb2=False)
  pooled = np.random.default_rng(0).random((3, 16, 5), np.float32)

  def heads(model, train):
    call = functools.partial(model.apply, method='heads', mutable='batch_stats')
    return call(variables, pooled, train)[0]['embedding']

  unit, plain = heads(model, False), heads(before, False)
  np.testing.assert_allclose(np.linalg.norm(unit, axis=-1), 1, rtol=1e-5)
  assert error(unit, plain) > 0.1
  np.testing.assert_array_equal(heads(model, True), plain)
