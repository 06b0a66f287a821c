"""Labelled steps of the networks with batch norms and classifiers."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfgait_jax import losses
from selfgait_jax.configs import synthetic
from selfgait_jax.models import factory
from selfgait_jax.settings import networks
from selfgait_jax.train import steps
from selfgait_jax.train.task import make_task

LABELS = np.array([0, 0, 1, 2], np.int32)  # of unequal numbers


@pytest.fixture
def config():
  c = synthetic.get_config('gaitbase')
  c.model.widths, c.model.bins = (4, 4, 8, 8), (4,)
  c.model.embedding_dim, c.model.classes = 8, 3
  c.augment.rotate = c.augment.erase = 0.0
  # Adam's first step is the sign of each slope, rounding included.
  c.train.optimizer, c.train.learning_rate = 'sgd', 0.1
  return c


@pytest.fixture(scope='module')
def clips():
  rng = np.random.default_rng(0)
  return rng.integers(0, 256, (4, 5, 64, 64), np.uint8)


def _take(config, batch, function=steps.supervised_step):
  """(state before, after, metrics, embeddings) of one step of `train`."""
  task = make_task(config, config.train)
  variables = factory.init_variables(task.model, jax.random.key(0), 44)
  state = task.first_state(variables)
  step = functools.partial(function, task)
  options = {'xla_backend_optimization_level': 0}
  after, metrics, embeddings = jax.jit(step, compiler_options=options)(
    state, batch
  )
  return state, after, metrics, embeddings


def _moved(before, after):
  return {
    name
    for name in before
    if any(
      not np.array_equal(a, b)
      for a, b in zip(
        jax.tree.leaves(before[name]),
        jax.tree.leaves(after[name]),
        strict=True,
      )
    )
  }


def _near(tolerance):
  """Asserts that arrays differ by that share of their largest value at most."""

  def check(actual, expected):
    atol = tolerance * np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)

  return check


@pytest.mark.parametrize(
  'gamma', [pytest.param(0.0, marks=pytest.mark.slow), 0.6]
)
def test_losses_are_weighted_and_added(config, clips, gamma):
  config.train.gamma = gamma
  config.train.triplet_weight, config.train.cross_entropy_weight = 1.2, 0.8
  _, _, metrics, embeddings = _take(config, {'clip': clips, 'label': LABELS})
  expected = 1.2 * metrics['triplet_loss'] + 0.8 * metrics['cross_entropy_loss']
  assert float(metrics['loss']) == pytest.approx(float(expected), rel=1e-6)
  margin = config.train.margin
  if gamma:
    alone, _ = losses.multi_view_consistency_loss(
      embeddings, LABELS, margin, gamma
    )
  else:
    alone, _ = losses.triplet_loss(embeddings, LABELS, margin)
  assert float(metrics['triplet_loss']) == pytest.approx(float(alone), rel=1e-5)
  assert {'active_triplets', 'mean_distance', 'accuracy'} <= set(metrics)


def test_a_step_moves_all_but_the_heads_without_labels(config, clips):
  config.model.projector_hidden = 4
  before, after, _, _ = _take(config, {'clip': clips, 'label': LABELS})
  recognised = {'encoder', 'part_linear', 'neck'}
  assert _moved(before.params, after.params) == recognised
  assert _moved(before.batch_stats, after.batch_stats) == {'encoder', 'neck'}
  assert set(before.params) - recognised == {'projector', 'predictor'}


def test_frozen_batch_norm_keeps_its_statistics(config, clips):
  config.train.freeze_batch_norm = True
  before, after, _, _ = _take(config, {'clip': clips, 'label': LABELS})
  assert not _moved(before.batch_stats, after.batch_stats)
  moved = after.params['encoder']['stem_norm']['scale']
  assert not np.array_equal(
    moved, before.params['encoder']['stem_norm']['scale']
  )


@pytest.mark.slow
@pytest.mark.parametrize('network', ['gaitbase', 'deepgaitv2'])
def test_padding_changes_nothing(config, clips, network):
  """Neither the losses nor the update nor the statistics."""
  section = getattr(networks, network)()
  section.update({k: v for k, v in config.model.items() if k in section})
  section.name = network
  config.model = section
  lengths = np.array([5, 5, 5, 5])
  padded = np.concatenate([clips, 255 - clips], axis=1)
  mask = np.arange(10) < lengths[:, None]
  _, alone, one, _ = _take(config, {'clip': clips, 'label': LABELS})
  batch = {'clip': padded, 'label': LABELS, 'mask': mask}
  _, together, other, _ = _take(config, batch)
  assert float(other['loss']) == pytest.approx(float(one['loss']), rel=1e-5)
  jax.tree.map(_near(1e-5), together.batch_stats, alone.batch_stats)
  # Where two frames are about equally large, rounding chooses the other one.
  jax.tree.map(_near(5e-2), together.params, alone.params)


@pytest.mark.slow
def test_without_labels_the_classifier_rests(config, clips):
  """BYOL on GaitBase: the target follows, the neck neither moves nor decays."""
  c = synthetic.get_config('gaitbase_byol')
  with config.unlocked():
    config.model.projector_hidden = config.model.projector_dim = 4
    config.train = c.pretrain
  batch = {'clip_1': jnp.asarray(clips), 'clip_2': jnp.asarray(clips[:, ::-1])}
  before, after, metrics, _ = _take(config, batch, steps.pretrain_step)
  learning = {'encoder', 'part_linear', 'projector', 'predictor'}
  assert _moved(before.params, after.params) == learning
  targets = {'encoder', 'part_linear', 'projector'}
  assert _moved(before.target_params, after.target_params) == targets
  assert _moved(before.target_batch_stats, after.target_batch_stats) == {
    'encoder',
    'projector',
  }
  assert 0 <= float(metrics['loss']) <= 4
