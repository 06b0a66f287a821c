"""What saves memory changes no number, but for what it says it changes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfgait_jax import errors
from selfgait_jax.machine import sharding
from selfgait_jax.models import factory
from selfgait_jax.settings import networks

UNOPTIMISED = {'xla_backend_optimization_level': 0}
SMALL = {
  'selfgait': {
    'widths': (4, 4, 8),
    'embedding_dim': 8,
    'projector_hidden': 8,
    'projector_dim': 8,
  },
  'gaitset': {'widths': (4, 4, 8), 'embedding_dim': 8},
  'gaitgl': {'widths': (4, 4, 8), 'classes': 5},
}
RESIDUAL = {'widths': (4, 4, 8, 8), 'embedding_dim': 8}


@pytest.fixture(scope='module')
def clips():
  """(float32 [8, T, H, W], mask bool [8, T])."""
  rng = np.random.default_rng(0)
  lengths = rng.integers(1, 5, 8)
  clips = rng.random((8, 4, 64, 44), np.float32)
  return clips, np.arange(4) < lengths[:, None]


def _model(name, **settings):
  section = getattr(networks, name)()
  section.update(settings)
  return factory.make_model(section)


@functools.cache
def _variables(name):
  model = _model(name, **SMALL.get(name, RESIDUAL))
  return factory.init_variables(model, jax.random.key(0), 44)


def _learn(model, variables, clips, mask):
  """(gradient, new statistics) of a loss of all that the heads return."""

  def loss(params):
    out, updates = model.apply(
      {'params': params, 'batch_stats': variables['batch_stats']},
      clips,
      mask,
      True,
      method='learn',
      mutable=['batch_stats'],
    )
    # Weighted, since normalised outputs have a constant square.
    values = [
      (x * jnp.cos(jnp.arange(x.size).reshape(x.shape))).mean()
      for x in jax.tree.leaves(out)
    ]
    return sum(values), updates

  gradient = jax.jit(jax.grad(loss, has_aux=True), compiler_options=UNOPTIMISED)
  return gradient(variables['params'])


@pytest.mark.parametrize(
  'name',
  [
    'gaitset',
    *(pytest.param(n, marks=pytest.mark.slow) for n in ('selfgait', 'gaitgl')),
  ],
)
def test_parts_of_a_batch_give_the_gradient_of_the_whole(name, clips):
  """No batch norm in these trunks: exact, to the order of float32 sums."""
  variables = _variables(name)
  whole = _learn(_model(name, **SMALL[name]), variables, *clips)
  parts = _learn(_model(name, **SMALL[name], microbatches=4), variables, *clips)
  _assert_close(parts, whole)


def test_batch_norm_of_the_trunk_sees_one_part_after_the_other(clips):
  """Clips 0, 2, 4, 6 and then 1, 3, 5, 7, as two steps' forward passes."""
  variables = _variables('gaitbase')
  model = _model('gaitbase', **RESIDUAL)
  pool = jax.jit(
    functools.partial(
      model.apply, train=True, method='pool', mutable=['batch_stats']
    ),
    compiler_options=UNOPTIMISED,
  )
  expected, stats = np.empty((8, 16, 8), np.float32), variables['batch_stats']
  for part in (slice(0, 8, 2), slice(1, 8, 2)):
    expected[part], updates = pool(
      {'params': variables['params'], 'batch_stats': stats},
      clips[0][part],
      clips[1][part],
    )
    stats = stats | updates['batch_stats']
  model = _model('gaitbase', **RESIDUAL, microbatches=2)
  found, updates = jax.jit(
    functools.partial(
      model.apply, train=True, method='learn', mutable=['batch_stats']
    ),
    compiler_options=UNOPTIMISED,
  )(variables, *clips)
  np.testing.assert_allclose(found['pooled'], expected, atol=1e-5)
  _assert_close(updates['batch_stats']['encoder'], stats['encoder'])


def test_views_in_parts(clips):
  variables = _variables('selfgait')
  views = np.stack([clips[0], clips[0][::-1]], 1)
  found = [
    jax.jit(
      functools.partial(
        model.apply, method='online_views', mutable=['batch_stats']
      ),
      compiler_options=UNOPTIMISED,
    )(variables, views)
    for model in (
      _model('selfgait', **SMALL['selfgait']),
      _model('selfgait', **SMALL['selfgait'], microbatches=2),
    )
  ]
  _assert_close(found[1], found[0])


def test_recomputed_blocks_give_the_same(clips):
  """Frame blocks and clip blocks."""
  variables, clips = _variables('deepgaitv2'), [x[:2] for x in clips]
  found = [
    _learn(_model('deepgaitv2', **RESIDUAL, remat=remat), variables, *clips)
    for remat in (False, True)
  ]
  _assert_close(*found)


@pytest.mark.parametrize('name', ['gaitbase', 'deepgaitv2', 'gaitssb'])
def test_recomputed_blocks_keep_less(name, clips):
  plain, again = (
    _kept(_model(name, **RESIDUAL, remat=remat), clips)
    for remat in (False, True)
  )
  assert again < plain / 2


def test_parts_of_a_sharded_batch_stay_where_they_are(clips):
  """Devices exchange sums of gradients, and never clips."""
  mesh = sharding.make_mesh()  # of four devices
  model = _model('gaitset', **SMALL['gaitset'], microbatches=2)
  params = _variables('gaitset')['params']

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
  """Numbers that the forward pass keeps for the gradient."""
  variables = factory.variable_shapes(model, 44)

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
  """To 1e-4 of the largest value of a module's tensors.

  Alone, a bias that the normalisation behind it cancels has but rounding for
  a gradient.
  """
  named = jax.tree.leaves_with_path(expected)
  scales = {}
  for path, b in named:
    scales[path[:-1]] = max(scales.get(path[:-1], 1e-6), np.abs(b).max())
  for (path, b), a in zip(named, jax.tree.leaves(found), strict=True):
    error = np.abs(a - b).max() / scales[path[:-1]]
    assert error < 1e-4, (jax.tree_util.keystr(path), error)
