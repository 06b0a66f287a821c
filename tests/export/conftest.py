"""A small trained run that the tests of this room export."""

import jax
import numpy as np
import pytest

from selfgait_jax.configs import synthetic
from selfgait_jax.machine import files
from selfgait_jax.models import factory
from selfgait_jax.run import checkpointing, manifests
from selfgait_jax.train import optimizer as optimizers
from selfgait_jax.train import state as states


@pytest.fixture(scope='session')
def stage(tmp_path_factory):
  """The folder of a stage whose run was evaluated."""
  config = synthetic.get_config('smoke')
  model = factory.make_model(config.model)
  variables = factory.init_variables(model, jax.random.key(0), 44)
  optimizer = optimizers.make_optimizer(config.train)
  workdir = tmp_path_factory.mktemp('run')
  manifest = manifests.make_manifest(
    config, 'train', start=str(workdir / 'pretrain')
  )
  checkpoints = checkpointing.Checkpoints(workdir / 'train', manifest, 1)
  checkpoints.save(states.create_state(variables, optimizer), None)
  checkpoints.close()
  origin = manifest['source'] | {'step': 0}
  results = {
    'protocol': 'casiab/1',
    'rows': {'all labels': {'nm/rank1': 61.25, 'cl/rank1': None}},
    'origins': {'all labels': origin},
    'data': {'name': 'synthetic_gait', 'fingerprint': 'abc'},
  }
  files.write_json(workdir / 'results.json', results)
  return workdir / 'train'


@pytest.fixture(scope='session')
def clips():
  rng = np.random.default_rng(0)
  return [rng.integers(0, 256, (n, 64, 64), np.uint8) for n in (3, 9, 1)]
