"""The update rules, by hand and as PyTorch documents them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfgait_jax import errors
from selfgait_jax.configs import default
from selfgait_jax.train import optimizer as optimizers


def _stage(**changes):
  return default.label_free_stage(steps=100, **changes)


def _params():
  rng = np.random.default_rng(0)
  leaf = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)
  return {
    'encoder': {'kernel': leaf(3, 4), 'bias': leaf(4)},
    'projector': {'kernel': leaf(4, 2), 'scale': leaf(2)},
  }


def _gradient(step):
  rng = np.random.default_rng(step + 1)
  leaf = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)
  return {'encoder': {'kernel': leaf(3, 4), 'bias': leaf(4)}}


def _run(stage, steps=3):
  """Parameters after some steps whose loss does not reach the projector."""
  optimizer, params = optimizers.make_optimizer(stage), _params()
  state = optimizer.init(params)
  for step in range(steps):
    params, state = optimizer.update(_gradient(step), state, params, step)
  return params, state


def _by_hand(stage, name, steps=3, decay=None):
  """torch.optim.SGD: g += wd * p; buf = m * buf + g; p -= lr * buf."""
  p = np.asarray(_params()['encoder'][name], np.float64)
  decay = stage.weight_decay if decay is None else decay
  buffer = 0.0
  for step in range(steps):
    g = np.asarray(_gradient(step)['encoder'][name], np.float64) + decay * p
    buffer = stage.momentum * buffer + g
    p = p - stage.learning_rate * buffer
  return p


def test_sgd_is_pytorchs():
  stage = _stage(weight_decay=0.1, learning_rate=0.05, momentum=0.9)
  params, _ = _run(stage)
  for name in ('kernel', 'bias'):
    np.testing.assert_allclose(
      params['encoder'][name], _by_hand(stage, name), rtol=1e-5
    )


def test_adam_is_pytorchs():
  """torch.optim.Adam: decay in the gradient, before both moments."""
  stage = _stage(weight_decay=0.1, learning_rate=0.01, optimizer='adam')
  params, _ = _run(stage)
  p = np.asarray(_params()['encoder']['kernel'], np.float64)
  first = second = 0.0
  for step in range(3):
    g = np.asarray(_gradient(step)['encoder']['kernel'], np.float64) + 0.1 * p
    first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g**2
    mean = first / (1 - 0.9 ** (step + 1))
    power = second / (1 - 0.999 ** (step + 1))
    p = p - 0.01 * mean / (np.sqrt(power) + 1e-8)
  np.testing.assert_allclose(params['encoder']['kernel'], p, rtol=1e-5)


@pytest.mark.parametrize('optimizer', ['sgd', 'adam'])
def test_idle_module_rests(optimizer):
  """Neither moved nor decayed, and its momentum is as it was."""
  stage = _stage(weight_decay=0.5, optimizer=optimizer)
  start = optimizers.make_optimizer(stage).init(_params())
  params, state = _run(stage)
  for name, before in _params()['projector'].items():
    np.testing.assert_array_equal(params['projector'][name], before)
  jax.tree.map(
    np.testing.assert_array_equal, state['projector'], start['projector']
  )
  assert any(np.any(x) for x in jax.tree.leaves(state['encoder']))


def test_vectors_may_be_spared_the_decay():
  stage = _stage(weight_decay=0.1, decay_vectors=False)
  params, _ = _run(stage)
  np.testing.assert_allclose(
    params['encoder']['kernel'], _by_hand(stage, 'kernel'), rtol=1e-5
  )
  np.testing.assert_allclose(
    params['encoder']['bias'], _by_hand(stage, 'bias', decay=0.0), rtol=1e-5
  )


def test_clipping_is_of_the_whole_gradient():
  stage = _stage(weight_decay=0.0, clip_norm=0.5, learning_rate=1.0)
  params, _ = _run(stage, steps=1)
  moved = [
    np.asarray(_params()['encoder'][name] - params['encoder'][name])
    for name in ('kernel', 'bias')
  ]
  norm = np.sqrt(sum(np.sum(m**2) for m in moved))
  np.testing.assert_allclose(norm, 0.5, rtol=1e-5)
  gradient = _gradient(0)['encoder']
  share = np.concatenate(
    [moved[0].ravel() / gradient['kernel'].ravel(), moved[1] / gradient['bias']]
  )
  np.testing.assert_allclose(share, share[0], rtol=1e-4)
  unclipped, _ = _run(_stage(weight_decay=0.0, clip_norm=100.0), steps=1)
  free, _ = _run(_stage(weight_decay=0.0), steps=1)
  np.testing.assert_array_equal(
    unclipped['encoder']['kernel'], free['encoder']['kernel']
  )


@pytest.mark.parametrize(
  'settings, expected',
  [
    ({}, {0: 0.03, 99: 0.03}),
    ({'warmup_steps': 10}, {0: 0.0, 5: 0.015, 10: 0.03, 99: 0.03}),
    ({'schedule': 'cosine'}, {0: 0.03, 50: 0.015, 100: 0.0}),
    (
      {'schedule': 'cosine', 'warmup_steps': 20},
      {0: 0.0, 10: 0.015, 20: 0.03, 60: 0.015, 100: 0.0},
    ),
    (
      {'schedule': 'steps', 'milestones': (30, 60)},
      {29: 0.03, 31: 0.003, 59: 0.003, 61: 0.0003},
    ),
    (
      {'schedule': 'steps', 'milestones': (30,), 'warmup_steps': 10},
      {5: 0.015, 29: 0.03, 31: 0.003},
    ),
  ],
)
def test_schedules(settings, expected):
  schedule = optimizers.make_schedule(_stage(**settings))
  for step, rate in expected.items():
    np.testing.assert_allclose(schedule(step), rate, rtol=1e-5, atol=1e-9)


def test_rate_falls_at_the_milestone_itself():
  """As PyTorch's MultiStepLR: the update number m is the first slow one."""
  stage = _stage(schedule='steps', milestones=(30,))
  schedule = optimizers.make_schedule(stage)
  np.testing.assert_allclose(
    [schedule(29), schedule(30)], [0.03, 0.003], rtol=1e-5
  )


def test_target_momentum():
  constant = _stage(target_momentum=0.99)
  for step in (0, 50, 100):
    np.testing.assert_allclose(
      optimizers.target_momentum(constant, step), 0.99, rtol=1e-6
    )
  rising = _stage(target_momentum=0.9, target_schedule='cosine')
  found = [optimizers.target_momentum(rising, step) for step in (0, 50, 100)]
  np.testing.assert_allclose(found, [0.9, 0.95, 1.0], rtol=1e-6)


def test_rate_factors_hold_for_all_below_a_path():
  stage = _stage(weight_decay=0.1, rate_factors='encoder=0.5,encoder/bias=0')
  start, (moved, _) = _params()['encoder'], _run(stage, steps=1)
  moved = moved['encoder']
  np.testing.assert_array_equal(moved['bias'], start['bias'])
  whole, _ = _run(_stage(weight_decay=0.1), steps=1)
  np.testing.assert_allclose(
    moved['kernel'] - start['kernel'],
    0.5 * (whole['encoder']['kernel'] - start['kernel']),
    rtol=1e-4,
  )


@pytest.mark.parametrize('factors', ['encoder', 'encoder=fast', 'motion=0'])
def test_rate_factors_that_mean_nothing_are_an_error(factors):
  with pytest.raises(errors.UserError, match='^expected .*, found .*; '):
    _run(_stage(rate_factors=factors))
