"""The batch norm of the embedding (`model.embedding_norm`)."""

import jax
import numpy as np
import pytest
from random_networks import make

from selfgait_jax.models import factory

BYOL = {'projector_hidden': 4, 'projector_dim': 4}
NETWORKS = ('selfgait', 'gaitset')


@pytest.fixture(scope='module', params=NETWORKS)
def case(request):
  """(the network with the norm, the same without, variables, parts)."""
  model = make(request.param, embedding_norm=True, **BYOL)
  variables = factory.init_variables(model, jax.random.key(0), 8)
  parts, width = variables['params']['part_linear']['kernel'].shape[:2]
  pooled = np.random.default_rng(0).random((6, parts, width), np.float32)
  return model, model.clone(embedding_norm=False), variables, pooled


def _heads(model, variables, pooled, train):
  return model.apply(
    variables, pooled, train, method='heads', mutable=['batch_stats']
  )


def test_training_normalises_each_feature_of_each_part(case):
  model, plain, variables, pooled = case
  raw = _heads(plain, variables, pooled, True)[0]['embedding']
  out, updates = _heads(model, variables, pooled, True)
  centred = raw - raw.mean(axis=0)
  expected = centred / np.sqrt((centred**2).mean(axis=0) + 1e-5)
  np.testing.assert_allclose(out['embedding'], expected, atol=1e-4)
  stats = updates['batch_stats']['last_norm']
  assert stats['mean'].shape == raw.shape[1:]
  np.testing.assert_allclose(stats['mean'], 0.1 * raw.mean(axis=0), rtol=1e-4)


def test_evaluation_uses_the_running_statistics(case):
  model, plain, variables, pooled = case
  stats = {'mean': 0.25, 'var': 4.0}
  norm = variables['batch_stats']['last_norm']
  norm = {name: np.full_like(norm[name], x) for name, x in stats.items()}
  variables = variables | {
    'batch_stats': variables['batch_stats'] | {'last_norm': norm}
  }
  raw = _heads(plain, variables, pooled, False)[0]['embedding']
  out, _ = _heads(model, variables, pooled, False)
  np.testing.assert_allclose(out['embedding'], (raw - 0.25) / 2, rtol=1e-4)


@pytest.mark.slow
def test_byol_heads_and_the_target_see_the_normalised_embedding(case):
  model, _, variables, pooled = case
  assert 'last_norm' in model.target_modules
  out, _ = _heads(model, variables, pooled, True)

  def project(module, x):
    return module.projector(x, True)

  expected, _ = model.apply(
    variables, out['embedding'], method=project, mutable=['batch_stats']
  )
  np.testing.assert_array_equal(out['projection'], expected)

  clips = np.random.default_rng(1).random((4, 2, 3, 64, 8), np.float32)
  aimed, _ = model.apply(
    variables, clips, method='target_views', mutable=['batch_stats']
  )

  def by_hand(module, view):
    return module.projector(module.embed(module.target_pool(view), True), True)

  expected, _ = model.apply(
    variables, clips[:, 0], method=by_hand, mutable=['batch_stats']
  )
  np.testing.assert_allclose(aimed[:, 0], expected, atol=1e-5)


@pytest.mark.parametrize('name', NETWORKS)
def test_without_the_norm_nothing_is_added(name):
  model = make(name, **BYOL)
  shapes = factory.variable_shapes(model, 8)
  assert 'last_norm' not in shapes['params'] | shapes['batch_stats']
  assert 'last_norm' not in model.target_modules
  supervised = make(name, embedding_norm=True, projector_hidden=0)
  assert supervised.target_modules == ()
