"""The walkers carry identity: a model that learns it, and one that cannot."""

import dataclasses

import jax
import numpy as np
import pytest

from selfgait_jax import embedder, retrieval
from selfgait_jax.configs import synthetic
from selfgait_jax.data import sequences
from selfgait_jax.data.walkers import walkers
from selfgait_jax.machine import sharding
from selfgait_jax.models import factory
from selfgait_jax.run import checkpointing
from selfgait_jax.train import loop

TRAIN, TEST, FRAMES = 12, 6, 12


@pytest.fixture(scope='module')
def people():
  """(training, held-out) walkers: the nm walks at every second view."""

  def records(first, count):
    for number in range(first, first + count):
      subject = f'{number:03d}'
      for condition in walkers.CONDITIONS[:6]:
        walk = walkers.render_walk(subject, condition, FRAMES, 0)
        for view in range(0, 11, 2):
          yield subject, condition, walkers.VIEWS[view], walk[view]

  load = lambda *span: sequences.from_records(records(*span), 'synthetic_gait')
  return load(1, TRAIN), load(1 + TRAIN, TEST)


def _gap(training, held_out, workdir):
  """How much closer a held-out subject's own walks from other views are."""
  config = synthetic.get_config('smoke')
  config.data.loader = 'array'
  config.model.widths, config.model.embedding_dim = (8, 16, 16), 16
  stage = config.train
  stage.steps, stage.batch_subjects, stage.batch_sequences = 40, 6, 6
  stage.frames, stage.optimizer, stage.learning_rate = 6, 'adam', 3e-3
  loop.train(config, workdir, 'train', training)
  variables, _ = checkpointing.load_variables(str(workdir / 'train'))
  embed = embedder.make_embedder(
    factory.make_model(config.model),
    sharding.make_mesh(),
    'embedding',
    config.model.crop_width,
    config.eval.batch_frames,
  )
  found = embed(variables, held_out, config.eval.max_frames)
  distance = retrieval.pairwise_distance(found, found)
  same = held_out.labels[:, None] == held_out.labels
  across = held_out.views[:, None] != held_out.views
  own, others = distance[same & across].mean(), distance[~same & across].mean()
  return (others - own) / others


@pytest.mark.slow
def test_identity_is_learnt_and_shuffling_destroys_it(people, tmp_path):
  training, held_out = people
  learnt = _gap(training, held_out, tmp_path / 'true')
  shuffled = dataclasses.replace(
    training,
    subjects=np.random.default_rng(0).permutation(training.subjects),
  )
  destroyed = _gap(shuffled, held_out, tmp_path / 'shuffled')
  jax.clear_caches()
  assert learnt > 0.15  # own walks are this much closer, from any view
  assert destroyed < learnt / 2
