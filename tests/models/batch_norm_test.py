"""Batch normalisation in training: values, statistics and gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import UNOPTIMISED

from selfgait_jax.machine import sharding
from selfgait_jax.models import batch_norm

MASK = np.arange(5) < np.array([1, 5, 3, 4])[:, None]


@pytest.mark.parametrize('split', (False, True))
@pytest.mark.parametrize('mask', (None, MASK, MASK[:, 2]))
@pytest.mark.parametrize('feature_axes', (1, 2))
def test_values_gradients_and_running_statistics(feature_axes, mask, split):
  """Against autodiff in float64. Masked entries pass on their slope in y."""
  rng = np.random.default_rng(0)
  shape = (4, 5, 3, 2)
  width = shape[-feature_axes:]
  with jax.enable_x64(True):
    x, slope = 2 + 3 * rng.standard_normal((2, *shape))
    params = {n: rng.standard_normal(width) for n in ('scale', 'bias')}
    before = {'mean': rng.standard_normal(width), 'var': np.ones(width)}
    if split:
      x = sharding.shard_batch(x, sharding.make_mesh())
    norm = batch_norm.BatchNorm(feature_axes)

    def ours(x, params):
      return norm.apply(
        {'params': params, 'batch_stats': before},
        x,
        True,
        mask,
        mutable=['batch_stats'],
      )

    found, expected = (
      _run(call, x, params, slope)
      for call in (ours, functools.partial(_plain, before=before, mask=mask))
    )
  for actual, wanted in zip(
    jax.tree.leaves(found), jax.tree.leaves(expected), strict=True
  ):
    assert actual.dtype == jnp.dtype('float64')
    np.testing.assert_allclose(actual, wanted, rtol=1e-10, atol=1e-12)


def test_half_precision_comes_out_as_it_came_in():
  """Half precision in and out; statistics and parameters in float32."""
  rng = np.random.default_rng(0)
  x, slope = (8 + rng.standard_normal((2, 500, 4))).astype(jnp.bfloat16)
  params = {'scale': np.ones(4, np.float32), 'bias': np.zeros(4, np.float32)}
  before = {'mean': np.zeros(4, np.float32), 'var': np.ones(4, np.float32)}
  norm = batch_norm.BatchNorm()

  def ours(x, params):
    variables = {'params': params, 'batch_stats': before}
    return norm.apply(variables, x, True, mutable=['batch_stats'])

  (y, stats), of_x, of_params = _run(ours, x, params, slope)
  assert y.dtype == of_x.dtype == jnp.bfloat16
  rest = jax.tree.leaves((stats, of_params))
  assert {x.dtype for x in rest} == {jnp.dtype('float32')}
  x, slope = (a.astype(np.float32) for a in (x, slope))
  _, wanted_x, wanted = _run(
    functools.partial(_plain, before=before, mask=None), x, params, slope
  )
  np.testing.assert_allclose(of_x.astype(np.float32), wanted_x, atol=0.02)
  for name in wanted:
    np.testing.assert_allclose(of_params[name], wanted[name], rtol=1e-2)


def test_statistics_of_maps_in_one_pass_are_exact_enough():
  """With a running mean far from the batch's, and with one near it."""
  x = np.random.default_rng(0).standard_normal((8, 16, 11, 4), np.float32) + 30
  for near, rtol in ((0, 1e-3), (29, 1e-6)):
    before = {'mean': np.full(4, near, np.float32), 'var': np.ones(4)}
    _, after = batch_norm.BatchNorm(momentum=0.0).apply(
      {'params': {'scale': np.ones(4), 'bias': np.zeros(4)}}
      | {'batch_stats': before},
      x,
      True,
      mutable=['batch_stats'],
    )
    exact = x.astype(np.float64).reshape(-1, 4)
    stats = after['batch_stats']
    np.testing.assert_allclose(stats['mean'], exact.mean(0), rtol=1e-6)
    np.testing.assert_allclose(stats['var'], exact.var(0, ddof=1), rtol=rtol)


def _plain(x, params, before, mask):
  """What `BatchNorm` computes, from the valid entries only."""
  axes = tuple(range(x.ndim - params['scale'].ndim))
  if mask is None:
    valid, axes_of_valid = x, axes
  else:
    valid = x[mask]
    axes_of_valid = axes[: len(axes) - mask.ndim + 1]
  mean, var = valid.mean(axes_of_valid), valid.var(axes_of_valid)
  y = (x - mean) / jnp.sqrt(var + 1e-5) * params['scale'] + params['bias']
  count = valid.size // mean.size
  batch = {'mean': mean, 'var': var * count / (count - 1)}
  stats = {n: 0.9 * before[n] + 0.1 * batch[n] for n in batch}
  return y, {'batch_stats': stats}


def _run(call, x, params, slope):
  """((y, statistics), gradient of x, gradient of the parameters)."""

  @functools.partial(jax.jit, compiler_options=UNOPTIMISED)
  def run(x, params):
    y, slopes, stats = jax.vjp(call, x, params, has_aux=True)
    return (y, stats), *slopes(jnp.asarray(slope))

  return run(x, params)
