"""Every file of a checkpoint is damaged in five ways; each is noticed."""

import pathlib
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfgait_jax import errors
from selfgait_jax.configs import synthetic
from selfgait_jax.machine import sharding
from selfgait_jax.models import factory
from selfgait_jax.run import checkpointing, manifests
from selfgait_jax.train import optimizer as optimizers
from selfgait_jax.train import state as states

pytestmark = [
  pytest.mark.slow,
  # Orbax leaves tasks behind when a file cannot be read.
  pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning'),
]


def _flip(path):
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 4
  path.write_bytes(content)


WAYS = {
  'emptied': lambda path: path.write_bytes(b''),
  'deleted': pathlib.Path.unlink,
  'halved': lambda path: path.write_bytes(
    path.read_bytes()[: path.stat().st_size // 2]
  ),
  'flipped': _flip,
  'noise': lambda path: path.write_bytes(
    np.random.default_rng(0).bytes(path.stat().st_size)
  ),
}


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
  """(config, state, the folder of its checkpoints 1 and 2)."""
  config = synthetic.get_config('smoke')
  config.model.widths, config.model.bins = (2, 4, 4), (1, 2)
  model = factory.make_model(config.model)
  optimizer = optimizers.make_optimizer(config.pretrain)
  variables = factory.init_variables(model, jax.random.key(0), 44)
  state = states.create_state(variables, optimizer, model.target_modules)
  folder = tmp_path_factory.mktemp('saved')
  checkpoints = _open(config, folder)
  for step in (1, 2):
    checkpoints.save(state.replace(step=jnp.int32(step)), 50.0)
    checkpoints.wait()
  checkpoints.close()
  return config, state, folder


@pytest.mark.parametrize('way', WAYS)
def test_damage_is_noticed(way, saved, tmp_path):
  """The right values, those of the checkpoint before, or one sentence."""
  config, state, original = saved
  newest = original / 'checkpoints/2'
  names = [p.relative_to(original) for p in newest.rglob('*') if p.is_file()]
  assert len(names) > 20
  for number, name in enumerate(names):
    folder = tmp_path / str(number)
    shutil.copytree(original, folder)
    WAYS[way](folder / name)
    for load in (_load, _resume):
      try:
        step, found = load(config, state, folder)
      except errors.UserError as error:
        assert str(error).startswith('expected ') and '; ' in str(error)
        continue
      assert step in (1, 2), name
      for a, b in zip(found, jax.tree.leaves(state.params), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=f'{way} {name}')
    shutil.rmtree(folder)


def _load(config, state, folder):
  variables, manifest = checkpointing.load_variables(str(folder))
  return manifest['step'], jax.tree.leaves(variables['params'])


def _resume(config, state, folder):
  checkpoints = _open(config, folder)
  try:
    found = checkpoints.restore(
      jax.eval_shape(lambda: state),
      sharding.replicated(sharding.make_mesh(jax.devices()[:1])),
    )
  finally:
    checkpoints.close()
  expected = state.replace(step=found.step)
  for a, b in zip(
    jax.tree.leaves(found), jax.tree.leaves(expected), strict=True
  ):
    np.testing.assert_array_equal(a, b)
  return int(found.step), jax.tree.leaves(found.params)


def _open(config, folder):
  manifest = manifests.make_manifest(config, 'pretrain')
  return checkpointing.Checkpoints(folder, manifest, 2)
