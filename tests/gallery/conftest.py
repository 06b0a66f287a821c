"""A tiny network, walkers for it, and an empty gallery."""

import functools

import jax
import pytest
from enrolling import FACTS

from selfgait_jax import embedder as embedders
from selfgait_jax.clips.clip import Clip
from selfgait_jax.configs import synthetic
from selfgait_jax.data.walkers import walkers
from selfgait_jax.gallery.store import Store
from selfgait_jax.models import factory
from selfgait_jax.run import checkpointing, manifests
from selfgait_jax.train import optimizer as optimizers
from selfgait_jax.train import state as states


def make_variables(seed):
  config = synthetic.get_config('smoke')
  model = factory.make_model(config.model)
  return config, factory.init_variables(model, jax.random.key(seed), 44)


@pytest.fixture(scope='session')
def make_embedder():
  """Random weights by their seed; embedders of one seed embed alike."""

  @functools.cache
  def make(seed=0):
    config, variables = make_variables(seed)
    manifest = manifests.make_manifest(config, 'train')
    return embedders.Embedder(variables, manifest, 1024)

  return make


@pytest.fixture(scope='session')
def checkpoint(tmp_path_factory):
  """The folder of a checkpoint with the weights of seed 0."""
  config, variables = make_variables(0)
  folder = tmp_path_factory.mktemp('run') / 'train'
  checkpoints = checkpointing.Checkpoints(
    folder, manifests.make_manifest(config, 'train'), 1
  )
  optimizer = optimizers.make_optimizer(config.train)
  checkpoints.save(states.create_state(variables, optimizer), None)
  checkpoints.close()
  return folder


@pytest.fixture(scope='session')
def walk():
  """(subject, condition, view) -> a clip of a synthetic walker."""

  @functools.cache
  def make(subject, condition='nm-01', view='090', frames=26):
    name = f'{subject:03d}'
    found = walkers.render_sequence(name, condition, view, frames, 0)
    return Clip(f'{name}/{condition}/{view}', found)

  return make


@pytest.fixture
def path(tmp_path):
  """Of a gallery's file that is not there yet."""
  return tmp_path / 'people.gallery'


@pytest.fixture
def store(path):
  """A new gallery's file, opened."""
  store = Store(path, FACTS)
  yield store
  store.close()
