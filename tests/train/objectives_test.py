"""What each objective sees, moves and leaves alone."""

import functools
import json

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from selfgait_jax import losses
from selfgait_jax.configs import synthetic
from selfgait_jax.models import factory
from selfgait_jax.train import steps
from selfgait_jax.train.task import make_task

HEADS = ('projector', 'predictor')
TARGETS = ('encoder', 'part_linear', 'projector')


@pytest.fixture
def config():
  """The smoke recipe's sizes; a plain cosine and nothing augmented."""
  c = synthetic.get_config('smoke')
  c.augment.flip = 0.0
  stage = c.pretrain
  stage.objective, stage.pairs, stage.views_per_batch = (
    'two_view',
    'same_clip',
    0,
  )
  stage.cosine_weight, stage.infonce_weight = 1.0, 0.0
  stage.optimizer, stage.learning_rate, stage.momentum = 'sgd', 0.1, 0.9
  stage.weight_decay, stage.schedule = 0.01, 'constant'
  return c


@pytest.fixture(scope='module')
def batch():
  rng = np.random.default_rng(0)
  clips = rng.integers(0, 2, (4, 4, 64, 64), np.uint8) * np.uint8(255)
  other = rng.integers(0, 2, (4, 4, 64, 64), np.uint8) * np.uint8(255)
  return {'clip_1': clips, 'clip_2': other}


@functools.cache
def _compiled(text, kind):
  """The step of a config in JSON, compiled quickly rather than well."""
  config = ml_collections.ConfigDict(json.loads(text))
  task = make_task(config, config.pretrain)
  step = {'labelled': steps.supervised_step, 'free': steps.pretrain_step}[kind]
  bound = functools.partial(step, task)
  options = {'xla_backend_optimization_level': 0}
  return task, jax.jit(bound, compiler_options=options)


def _take(config, batch, state=None):
  """(state before, after, metrics) of a step of `config.pretrain`."""
  kind = 'labelled' if 'label' in batch else 'free'
  task, step = _compiled(config.to_json(), kind)
  if state is None:
    variables = factory.init_variables(task.model, jax.random.key(0), 44)
    state = task.first_state(variables)
    # Apart from the start, so that what follows what can be told.
    state = state.replace(
      target_params=jax.tree.map(lambda p: 0.9 * p, state.target_params)
    )
  after, metrics, outputs = step(state, batch)
  assert outputs.dtype == jnp.float32 and outputs.ndim == 3
  return state, after, metrics


def _moved(before, after):
  """Names of the modules that differ."""
  return {
    name
    for name in before
    if any(
      np.any(np.asarray(a) != np.asarray(b))
      for a, b in zip(
        jax.tree.leaves(before[name]), jax.tree.leaves(after[name]), strict=True
      )
    )
  }


def _same(a, b):
  return not _moved({'': a}, {'': b})


def _labelled(batch):
  return {
    'clip': batch['clip_1'],
    'label': np.array([0, 0, 1, 1], np.int32),
  }


def test_label_free_step_moves_everything(config, batch):
  before, after, metrics = _take(config, batch)
  assert _moved(before.params, after.params) == set(before.params)
  assert _moved(before.target_params, after.target_params) == set(TARGETS)
  assert _moved(before.batch_stats, after.batch_stats) == set(HEADS)
  assert int(after.step) == 1
  assert 0 <= float(metrics['loss']) <= 4


@pytest.mark.parametrize(
  'objective', [pytest.param('two_view', marks=pytest.mark.slow), 'supervised']
)
def test_every_objective_trains_the_norm_of_the_embedding(
  config, batch, objective
):
  config.model.embedding_norm = True
  config.pretrain.objective = objective
  free = objective == 'two_view'
  before, after, _ = _take(config, batch if free else _labelled(batch))
  for tree in ('params', 'batch_stats'):
    assert 'last_norm' in _moved(getattr(before, tree), getattr(after, tree))
  moved = _moved(before.target_params, after.target_params)
  assert moved == {*TARGETS, 'last_norm'} if free else not moved
  moved = _moved(before.target_batch_stats, after.target_batch_stats)
  assert moved == {'last_norm', 'projector'} if free else not moved


@pytest.mark.slow
def test_target_follows_the_online_network(config, batch):
  config.pretrain.target_momentum = 0.75
  before, after, metrics = _take(config, batch)
  for name in TARGETS:
    expected = jax.tree.map(
      lambda old, new: 0.75 * old + 0.25 * new,
      before.target_params[name],
      after.params[name],
    )
    jax.tree.map(
      functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-7),
      after.target_params[name],
      expected,
    )
  assert float(metrics['target_momentum']) == 0.75


@pytest.mark.slow
def test_target_statistics_are_its_own(config, batch):
  """They follow its forward pass; the momentum of the weights plays no part."""
  config.pretrain.target_momentum = 1.0
  before, after, _ = _take(config, batch)
  assert _same(before.target_params, after.target_params)
  mean = lambda stats: stats['projector']['norm']['mean']
  assert not _same(
    mean(before.target_batch_stats), mean(after.target_batch_stats)
  )
  assert not _same(mean(after.batch_stats), mean(after.target_batch_stats))


@pytest.mark.parametrize('objective', ['joint', 'supervised'])
def test_triplet_step_moves_only_the_embedding(config, batch, objective):
  config.pretrain.objective = objective
  before, after, metrics = _take(config, _labelled(batch))
  assert _moved(before.params, after.params) == set(before.params) - set(HEADS)
  assert _same(before.batch_stats, after.batch_stats)
  for head in HEADS:  # neither decayed nor is their momentum spent
    assert _same(before.opt_state[head], after.opt_state[head])
  assert {'active_triplets', 'mean_distance'} <= set(metrics)
  assert int(after.step) == 1


def test_target_follows_a_joint_triplet_step(config, batch):
  config.pretrain.objective = 'joint'
  before, after, _ = _take(config, _labelled(batch))
  rate = 1 - config.pretrain.target_momentum
  expected = jax.tree.map(
    lambda old, new: old + rate * (new - old),
    before.target_params['encoder'],
    after.params['encoder'],
  )
  jax.tree.map(
    functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-7),
    after.target_params['encoder'],
    expected,
  )
  assert not _same(
    before.target_params['encoder'], after.target_params['encoder']
  )


def _with_frame(batch, frame):
  """The batch with one frame of the first clips blanked."""
  clips = batch['clip_1'].copy()
  clips[:, frame] = 0
  return {'clip_1': clips, 'clip_2': clips}


def _sides(config, batch):
  """What the online and what the target branch makes of a batch."""
  _, after, _ = _take(config, batch)
  return after.batch_stats['projector'], after.target_batch_stats['projector']


@pytest.mark.slow
@pytest.mark.parametrize('objective', ['predictive', 'joint'])
def test_predictive_splits_the_frames(config, batch, objective):
  config.pretrain.objective = objective
  same = {'clip_1': batch['clip_1'], 'clip_2': batch['clip_1']}
  online, target = _sides(config, same)
  for frame, sees in ((0, 'online'), (2, 'online'), (3, 'target')):
    changed = _sides(config, _with_frame(batch, frame))
    assert _same(online, changed[0]) == (sees == 'target'), frame
    assert _same(target, changed[1]) == (sees == 'online'), frame


def test_two_view_shows_every_frame_to_both(config, batch):
  same = {'clip_1': batch['clip_1'], 'clip_2': batch['clip_1']}
  online, target = _sides(config, same)
  for frame in (0, 3):
    changed = _sides(config, _with_frame(batch, frame))
    assert not _same(online, changed[0])
    assert not _same(target, changed[1])


def test_reference_frame_split_shows_one_frame(config, batch):
  config.pretrain.objective = 'predictive'
  config.reference.frame_split = True
  same = {'clip_1': batch['clip_1'], 'clip_2': batch['clip_1']}
  online, target = _sides(config, same)
  for frame, seen in ((0, False), (1, False), (2, True), (3, False)):
    changed = _sides(config, _with_frame(batch, frame))
    assert _same(online, changed[0]) != seen, frame
    assert _same(target, changed[1]) != seen, frame


def test_reference_frame_split_in_a_joint_triplet_step(config, batch):
  config.pretrain.objective = 'joint'
  config.reference.frame_split = True
  _, plain, _ = _take(config, _labelled(batch))
  for frame, seen in ((1, False), (2, True), (3, False)):
    changed = _labelled(_with_frame(batch, frame))
    _, after, _ = _take(config, changed)
    assert _same(plain.params, after.params) != seen, frame


@pytest.mark.slow
def test_infonce_against_either_target(config, batch):
  """With `online` the target network leaves no trace in the loss."""
  stage = config.pretrain
  stage.cosine_weight, stage.infonce_weight = 0.0, 1.0
  found = {}
  for target in ('ema', 'online'):
    stage.infonce_target = target
    state, after, metrics = _take(config, batch)
    assert {'infonce_loss', 'infonce_accuracy'} <= set(metrics)
    assert 'cosine_loss' not in metrics
    other = state.replace(
      target_params=jax.tree.map(lambda p: 1 - p, state.target_params)
    )
    _, moved, others = _take(config, batch, other)
    found[target] = metrics['loss'], others['loss']
    same = _same(after.params, moved.params)
    assert same == (target == 'online')
  assert found['online'][0] == found['online'][1]
  assert found['ema'][0] != found['ema'][1]


def test_keys_repel_inside_the_camera_of_the_positive(config):
  """In each direction the camera of the other view decides."""
  stage = config.pretrain
  stage.cosine_weight, stage.infonce_weight = 0.0, 1.0
  stage.negatives, stage.ignore_nearest = 'same_camera', 0.5
  rng = np.random.default_rng(0)
  out = {'prediction': rng.normal(size=(6, 2, 3, 8))}  # [B, V, P, D]
  target = rng.normal(size=(6, 2, 3, 8))
  cameras = np.array([[0, 0, 0, 1, 1, 1], [2, 0, 2, 0, 2, 0]])
  found, metrics = steps._view_loss(out, target, cameras, config, stage)
  expected = [
    losses.infonce_loss(
      out['prediction'][:, here],
      target[:, there],
      stage.temperature,
      allowed=cameras[there][:, None] == cameras[there],
      ignore_nearest=0.5,
    )
    for here, there in ((0, 1), (1, 0))
  ]
  assert float(found) == pytest.approx(sum(float(x) for x, _ in expected))
  accuracy = np.mean([extra['accuracy'] for _, extra in expected])
  assert float(metrics['infonce_accuracy']) == pytest.approx(accuracy)


@pytest.mark.slow
def test_a_step_reads_the_cameras_of_its_batch(config, batch):
  stage = config.pretrain
  stage.cosine_weight, stage.infonce_weight = 0.0, 1.0
  _, _, everything = _take(config, batch)
  stage.negatives = 'same_camera'
  alone, one = np.arange(4, dtype=np.int32), np.zeros(4, np.int32)
  take = lambda cameras: _take(
    config, batch | {'camera_1': cameras, 'camera_2': cameras}
  )
  _, _, together = take(one)
  _, _, apart = take(alone)
  assert float(together['loss']) == pytest.approx(float(everything['loss']))
  assert float(apart['loss']) == 0 and float(apart['infonce_accuracy']) == 1


def test_losses_add_up(config, batch):
  stage = config.pretrain
  stage.cosine_weight, stage.infonce_weight = 0.5, 2.0
  _, _, metrics = _take(config, batch)
  expected = 0.5 * metrics['cosine_loss'] + 2.0 * metrics['infonce_loss']
  np.testing.assert_allclose(metrics['loss'], expected, rtol=1e-6)


@pytest.mark.slow
def test_both_views_are_augmented_apart(config, batch):
  """`same_clip` sends one clip; the coin falls anew for each view."""
  config.augment.flip = 0.5
  one = {'clip_1': batch['clip_1']}
  two = {'clip_1': batch['clip_1'], 'clip_2': batch['clip_1']}
  _, first, _ = _take(config, one)
  _, second, _ = _take(config, two)
  assert _same(first.params, second.params)
  keys = jax.random.split(jax.random.fold_in(jax.random.key(config.seed), 0))
  views = [steps._augment(one['clip_1'], key, config) for key in keys]
  assert np.any(np.asarray(views[0]) != np.asarray(views[1]))
