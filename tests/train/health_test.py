"""Collapse signals on outputs whose state is known, and their words."""

import jax
import numpy as np
import pytest

from selfgait_jax import errors
from selfgait_jax.train import health

_signals = jax.jit(health.signals)


def _measure(outputs):
  return {k: float(v) for k, v in _signals(outputs).items()}


def _outputs(samples=64, parts=3, features=16, rank=16, offset=0.0):
  rng = np.random.default_rng(0)
  codes = rng.normal(size=(samples, parts, rank))
  basis = np.linalg.qr(rng.normal(size=(features, features)))[0][:rank]
  return (codes @ basis + offset).astype(np.float32)


def test_evenly_spread_outputs_are_healthy():
  measured = _measure(_outputs(samples=2000))
  assert abs(measured['spread'] - 1) < 0.02
  assert measured['effective_rank'] > 15.8
  assert abs(measured['mean_cosine']) < 0.01


@pytest.mark.parametrize('samples', [12, 200])  # fewer and more than features
def test_signals_match_their_definitions(samples):
  outputs = _outputs(samples=samples, offset=0.3)
  unit = outputs / np.linalg.norm(outputs, axis=2, keepdims=True)
  spread, rank, cosine = [], [], []
  for part in unit.astype(np.float64).transpose(1, 0, 2):
    spread.append(part.std(axis=0).mean() * 4)
    share = np.linalg.eigvalsh(np.cov(part.T)).clip(1e-15)
    share = share / share.sum()
    rank.append(np.exp(-(share * np.log(share)).sum()))
    cosine.append((part @ part.T)[~np.eye(samples, dtype=bool)].mean())
  measured = _measure(outputs)
  np.testing.assert_allclose(measured['spread'], np.mean(spread), rtol=1e-5)
  np.testing.assert_allclose(measured['spread_lowest'], min(spread), rtol=1e-5)
  np.testing.assert_allclose(
    measured['effective_rank'], np.mean(rank), rtol=1e-3
  )
  np.testing.assert_allclose(
    measured['mean_cosine'], np.mean(cosine), rtol=1e-4
  )


def test_signals_do_not_see_length_but_see_every_part():
  outputs = _outputs()
  for name, value in _measure(1000 * outputs).items():
    np.testing.assert_allclose(value, _measure(outputs)[name], rtol=1e-4)
  outputs[:, 1] = outputs[0, 1]
  assert _measure(outputs)['spread_lowest'] < 1e-3
  assert _measure(outputs)['spread'] > 0.5


@pytest.mark.parametrize('fill', [0.0, 0.37])
def test_one_point_has_no_spread_and_rank_one(fill):
  measured = _measure(np.full((64, 3, 16), fill, np.float32))
  assert measured['spread'] < 1e-3
  assert measured['effective_rank'] == 1


def test_collapse_is_put_into_words():
  start = _measure(_outputs())
  assert health.describe(start, start) is None
  alike = _measure(_outputs(offset=5.0))
  assert 'grow alike' in health.describe(alike, start)
  few = _measure(_outputs(rank=3))
  assert 'few directions' in health.describe(few, start)
  # The floor stands even where the start was no better.
  point = _measure(np.full((64, 3, 16), 1.0, np.float32))
  assert 'grow alike' in health.describe(point, point)


def test_a_seen_collapse_is_reported_and_its_start_is_not():
  start = {'spread': 0.08, 'effective_rank': 19.0}
  assert health.describe(start, start) is None
  later = {'spread': 0.03, 'effective_rank': 5.0}
  assert health.describe(later, start)


def test_triplet_stages_are_put_into_words():
  start = {'spread': 0.1, 'effective_rank': 19.0}
  start |= {'active_share': 1.0, 'mean_distance': 0.08}
  assert health.describe(start, start) is None
  learning = start | {'active_share': 0.3, 'mean_distance': 2.0}
  # As many directions as subjects is what labels ask for.
  learning['effective_rank'] = 6.0
  assert health.describe(learning, start) is None
  shrunk = start | {'mean_distance': 0.01}
  assert 'shrink to one point' in health.describe(shrunk, start)
  done = learning | {'active_share': 0.001}
  assert 'only 0.10% of the triplets' in health.describe(done, start)


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_a_number_that_is_none_stops_the_run(value):
  latest = lambda: 'runs/checkpoints/5'
  health.check_finite({'loss': 1.0, 'grad_norm': 0.0}, 7, latest)
  with pytest.raises(errors.UserError) as caught:
    health.check_finite({'loss': value, 'spread': 1.0}, 7, latest)
  for word in ('step 7', f'loss = {value}', 'runs/checkpoints/5'):
    assert word in str(caught.value)
  assert 'spread' not in str(caught.value)


def test_a_falling_rank_is_collapse_only_without_spread():
  start = {'spread': 0.12, 'effective_rank': 12.0}
  assert health.describe({'spread': 0.3, 'effective_rank': 3.5}, start) is None
  assert health.describe({'spread': 0.1, 'effective_rank': 3.5}, start)
  assert health.describe({'spread': 0.3, 'effective_rank': 1.5}, start)
