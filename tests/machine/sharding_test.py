"""Four devices compute what one does; batches that do not fit are refused."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfgait_jax import errors
from selfgait_jax.configs import synthetic
from selfgait_jax.machine import sharding
from selfgait_jax.models import factory
from selfgait_jax.train import steps
from selfgait_jax.train.task import make_task

# float32 sums in another order, measured after three steps relative to the
# largest value: 3e-5 in what the steps compute, 3e-3 in momenta (which rounding
# reaches through maxima that change hands). Statistics or triplets of one
# device's share alone would be off by tenths.
TOLERANCE, MOMENTUM_TOLERANCE = 2e-4, 2e-2


@pytest.fixture(scope='module')
def config():
  c = synthetic.get_config('smoke')
  for stage in (c.pretrain, c.train):
    # Not Adam, whose first step is the sign of a gradient that may be rounding.
    stage.optimizer, stage.learning_rate, stage.schedule = (
      'sgd',
      0.1,
      'constant',
    )
  c.pretrain.pairs, c.pretrain.views_per_batch = 'same_sequence', 0
  c.pretrain.cosine_weight = c.pretrain.infonce_weight = 1.0
  return c


def _batch(kind, step):
  rng = np.random.default_rng(step)
  # Bright and dark clips differ, so statistics of a part would tell.
  level = np.linspace(0.1, 0.9, 8)[:, None, None, None]
  clips = lambda: (rng.random((8, 4, 64, 64)) < level) * np.uint8(255)
  if kind == 'label_free':
    return {'clip_1': clips(), 'clip_2': clips()}
  # Every subject's clips lie on different devices.
  return {'clip': clips(), 'label': np.array([0, 1] * 4, np.int32)}


def _train(config, kind, devices, count=3):
  """(state, metrics of the last step, its outputs) on so many devices."""
  stage = config.pretrain if kind == 'label_free' else config.train
  step = steps.pretrain_step if kind == 'label_free' else steps.supervised_step
  task = make_task(config, stage)
  mesh = sharding.make_mesh(jax.devices()[:devices])
  variables = factory.init_variables(task.model, jax.random.key(0), 44)
  state = task.first_state(variables)
  state = jax.device_put(state, sharding.replicated(mesh))
  compiled = sharding.compile_step(functools.partial(step, task), mesh)
  for number in range(count):
    batch = sharding.shard_batch(_batch(kind, number), mesh)
    state, metrics, outputs = compiled(state, batch)
    # Steps queued over several CPU devices may wait for each other for ever.
    jax.block_until_ready(state)
  return state, metrics, outputs


@pytest.mark.parametrize(
  'kind', [pytest.param('label_free', marks=pytest.mark.slow), 'labelled']
)
def test_four_devices_equal_one(config, kind):
  """Parameters, statistics, momenta, target and metrics of three steps."""
  one, one_metrics, one_outputs = _train(config, kind, 1)
  four, metrics, outputs = _train(config, kind, 4)
  assert len(jax.tree.leaves(four.params)[0].sharding.device_set) == 4
  assert len(outputs.sharding.device_set) == 4
  start = factory.init_variables(
    factory.make_model(config.model), jax.random.key(0), 44
  )
  moved = jax.tree.map(
    lambda a, b: float(jnp.abs(a - np.asarray(b)).max()),
    start['params']['encoder'],
    one.params['encoder'],
  )
  assert min(jax.tree.leaves(moved)) > 1e-3  # there is something to compare
  _assert_close(four.replace(opt_state={}), one.replace(opt_state={}))
  _assert_close(four.opt_state, one.opt_state, MOMENTUM_TOLERANCE)
  _assert_close(metrics, one_metrics)
  _assert_close(sharding.gather(outputs), sharding.gather(one_outputs))


def test_gather_returns_the_whole_array():
  mesh = sharding.make_mesh()
  array = np.arange(24.0, dtype=np.float32).reshape(8, 3)
  placed = sharding.shard_batch({'x': array}, mesh)['x']
  assert {shard.data.shape for shard in placed.addressable_shards} == {(2, 3)}
  found = sharding.gather(placed)
  assert isinstance(found, np.ndarray)
  np.testing.assert_array_equal(found, array)


def test_batch_that_the_devices_cannot_share():
  mesh = sharding.make_mesh()
  sharding.check_batch(12, mesh, 'config.x')
  with pytest.raises(errors.UserError, match='4 devices, found 10.*config.x'):
    sharding.check_batch(10, mesh, 'config.x')


def _assert_close(found, expected, tolerance=TOLERANCE):
  """Against the largest value of a tensor and its siblings in the module.

  Alone, a bias that the normalisation behind it cancels has but rounding for
  a gradient.
  """
  scales = {}
  for path, b in jax.tree.leaves_with_path(expected):
    scales[path[:-1]] = max(scales.get(path[:-1], 0), np.abs(b).max())
  named = jax.tree.leaves_with_path(expected)
  for (path, b), a in zip(named, jax.tree.leaves(found), strict=True):
    scale = max(scales[path[:-1]], 1e-9)  # 0 of a head at rest
    error = np.abs(np.asarray(a) - np.asarray(b)).max() / scale
    assert error < tolerance, (jax.tree_util.keystr(path), error)
