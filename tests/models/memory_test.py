"""Settings that save memory: microbatches and recomputed blocks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import random_networks
from random_networks import UNOPTIMISED, drawn

from selfgait_jax import errors
from selfgait_jax.machine import sharding
from selfgait_jax.models import factory


@pytest.fixture(scope='module')
def clips():
  """(float32 [8, T, H, W], mask bool [8, T])."""
  rng = np.random.default_rng(0)
  lengths = rng.integers(1, 5, 8)
  clips = rng.random((8, 4, 64, 8), np.float32)
  return clips, np.arange(4) < lengths[:, None]


def _learn(name, clips, mask, **settings):
  """(gradient, new statistics) of a weighted sum of all outputs of the heads.

  In float64: in float32 rounding can move a maximum to another pixel, and with
  it the gradient.
  """
  with jax.enable_x64(True):
    double = lambda tree: jax.tree.map(np.float64, tree)
    model = random_networks.make(name, dtype='float64', **settings)
    variables = double(drawn(name)[1])

    def loss(params):
      out, updates = model.apply(
        variables | {'params': params},
        double(clips),
        mask,
        True,
        method='learn',
        mutable=['batch_stats'],
      )
      # Weighted, because the squares of normalised outputs are constant.
      values = [
        (x * jnp.cos(jnp.arange(x.size).reshape(x.shape))).mean()
        for x in jax.tree.leaves(out)
      ]
      return sum(values), updates

    gradient = jax.grad(loss, has_aux=True)
    gradient = jax.jit(gradient, compiler_options=UNOPTIMISED)
    return gradient(variables['params'])


@pytest.mark.parametrize(
  'name',
  [
    'gaitset',
    *(pytest.param(n, marks=pytest.mark.slow) for n in ('selfgait', 'gaitgl')),
  ],
)
def test_parts_of_a_batch_give_the_gradient_of_the_whole(name, clips):
  """Trunks without batch norm: the same up to the order of sums."""
  whole = _learn(name, *clips)
  parts = _learn(name, *clips, microbatches=4)
  _assert_close(parts, whole)


def test_batch_norm_of_the_trunk_sees_one_part_after_the_other(clips):
  """Clips 0, 2, 4, 6, then 1, 3, 5, 7, like the forward passes of two steps."""
  model, variables, _ = drawn('gaitbase')
  pool = jax.jit(
    functools.partial(
      model.apply, train=True, method='pool', mutable=['batch_stats']
    ),
    compiler_options=UNOPTIMISED,
  )
  expected, stats = np.empty((8, 16, 5), np.float32), variables['batch_stats']
  for part in (slice(0, 8, 2), slice(1, 8, 2)):
    expected[part], updates = pool(
      {'params': variables['params'], 'batch_stats': stats},
      clips[0][part],
      clips[1][part],
    )
    stats = stats | updates['batch_stats']
  model = random_networks.make('gaitbase', microbatches=2)
  found, updates = jax.jit(
    functools.partial(
      model.apply, train=True, method='learn', mutable=['batch_stats']
    ),
    compiler_options=UNOPTIMISED,
  )(variables, *clips)
  np.testing.assert_allclose(found['pooled'], expected, atol=1e-5)
  _assert_close(updates['batch_stats']['encoder'], stats['encoder'])


def test_views_in_parts(clips):
  model, variables, _ = drawn('selfgait')
  views = np.stack([clips[0], clips[0][::-1]], 1)
  found = [
    jax.jit(
      functools.partial(
        model.apply, method='online_views', mutable=['batch_stats']
      ),
      compiler_options=UNOPTIMISED,
    )(variables, views)
    for model in (model, model.clone(microbatches=2))
  ]
  _assert_close(found[1], found[0])


@pytest.mark.slow
@pytest.mark.parametrize('name', ['gaitssb', 'deepgaitv2'])
def test_recomputed_blocks_give_the_same(name, clips):
  """Frame blocks, and in DeepGaitV2 also clip blocks."""
  clips = [x[:2] for x in clips]
  found = [_learn(name, *clips, remat=remat) for remat in (False, True)]
  _assert_close(*found)


@pytest.mark.parametrize('name', ['gaitbase', 'deepgaitv2', 'gaitssb'])
def test_recomputed_blocks_keep_less(name, clips):
  plain, again = (
    _kept(random_networks.make(name, remat=remat), clips)
    for remat in (False, True)
  )
  assert again < plain / 2


def test_parts_of_a_sharded_batch_stay_where_they_are(clips):
  """Devices exchange sums of gradients, and never clips."""
  mesh = sharding.make_mesh()  # of four devices
  model, variables, _ = drawn('gaitset')
  model, params = model.clone(microbatches=2), variables['params']

  def gradient(params, batch):
    loss = lambda p: model.apply({'params': p}, *batch, True, method='learn')[
      'embedding'
    ].sum()
    return jax.grad(loss)(params)

  same, split = sharding.replicated(mesh), sharding.batch_sharded(mesh)
  program = jax.jit(
    gradient,
    in_shardings=(same, split),
    out_shardings=same,
    compiler_options=UNOPTIMISED,
  )
  text = program.lower(params, clips).compile().as_text()
  assert 'all-reduce' in text
  for other in ('all-gather', 'all-to-all', 'collective-permute'):
    assert other not in text


def test_a_batch_that_does_not_split():
  mesh = sharding.make_mesh()  # of four devices
  sharding.check_batch(16, mesh, 'config.x', 4)
  with pytest.raises(errors.UserError, match='4 devices times 3 micro.* 16'):
    sharding.check_batch(16, mesh, 'config.x', 3)


def _kept(model, clips):
  """How many numbers the forward pass keeps for the gradient."""
  variables = factory.variable_shapes(model, 8)

  def backward(params, stats):
    run = lambda params: model.apply(
      {'params': params, 'batch_stats': stats},
      *clips,
      True,
      mutable=['batch_stats'],
    )
    return jax.vjp(run, params)[1]

  kept = jax.eval_shape(backward, variables['params'], variables['batch_stats'])
  return sum(x.size for x in jax.tree.leaves(kept))


def _assert_close(found, expected):
  """To 1e-5 of the largest value among a module's tensors.

  Not of each tensor: the gradient of a bias in front of a normalisation is pure
  rounding.
  """
  named = jax.tree.leaves_with_path(expected)
  scales = {}
  for path, b in named:
    scales[path[:-1]] = max(scales.get(path[:-1], 1e-6), np.abs(b).max())
  for (path, b), a in zip(named, jax.tree.leaves(found), strict=True):
    error = np.abs(a - b).max() / scales[path[:-1]]
    assert error < 1e-5, (jax.tree_util.keystr(path), error)
