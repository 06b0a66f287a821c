"""A stage that goes on learns from what it learned from before."""

import pytest

from selfgait_jax import errors
from selfgait_jax.configs import synthetic
from selfgait_jax.data import loading
from selfgait_jax.train import loop


@pytest.fixture(scope='module')
def trained(packed_file, tmp_path_factory):
  """(config, work folder) after two steps of label-free pretraining."""
  workdir = tmp_path_factory.mktemp('run')
  config = synthetic.get_config('smoke')
  config.data.packed_file, config.data.loader = str(packed_file), 'array'
  config.stages, config.pretrain.steps = 'pretrain', 2
  loop.train(config, workdir, 'pretrain', loading.loader(config)('train'))
  return config, workdir


@pytest.mark.slow
@pytest.mark.parametrize(
  'stage, words',
  [
    ('pretrain', 'to go on with the training data'),
    ('finetune', 'held-out'),
  ],
)
def test_the_held_out_check_switched_on_later(stage, words, trained):
  """It would score subjects that the network has learned."""
  config, workdir = trained
  config = config.copy_and_resolve_references()
  config.log.held_out_every_steps, config.log.held_out_subjects = 1, 2
  config.pretrain.steps = 4
  sequences = loading.loader(config)('train')
  with pytest.raises(errors.UserError, match=words):
    loop.train(config, workdir, stage, sequences)
