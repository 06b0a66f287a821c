"""Checkpoints come back as they were saved, or one sentence says why not."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from selfgait_jax import errors
from selfgait_jax.configs import synthetic
from selfgait_jax.machine import sharding
from selfgait_jax.models import factory
from selfgait_jax.run import checkpointing, digests, identity, manifests
from selfgait_jax.train import optimizer as optimizers
from selfgait_jax.train import state as states


@pytest.fixture(scope='module')
def config():
  return synthetic.get_config('smoke')


@pytest.fixture(scope='module')
def state(config):
  model = factory.make_model(config.model)
  variables = factory.init_variables(model, jax.random.key(0), 44)
  optimizer = optimizers.make_optimizer(config.pretrain)
  return states.create_state(variables, optimizer, model.target_modules)


def _open(config, folder, keep=2):
  manifest = manifests.make_manifest(config, 'pretrain')
  return checkpointing.Checkpoints(folder, manifest, keep)


def _at(state, step):
  """The state after `step` updates, its parameters told apart by the step."""
  params = jax.tree.map(lambda p: p + step, state.params)
  return state.replace(step=jnp.int32(step), params=params)


def _replicated():
  return sharding.replicated(sharding.make_mesh())


def test_saved_state_comes_back_bit_for_bit(config, state, tmp_path):
  checkpoints = _open(config, tmp_path)
  checkpoints.save(_at(state, 3), None)
  checkpoints.wait()
  found = checkpoints.restore(jax.eval_shape(lambda: state), _replicated())
  checkpoints.close()
  expected = _at(state, 3)
  assert jax.tree.structure(found) == jax.tree.structure(expected)
  for a, b in zip(
    jax.tree.leaves(found), jax.tree.leaves(expected), strict=True
  ):
    np.testing.assert_array_equal(a, b)


def test_latest_and_best_are_kept(config, state, tmp_path):
  checkpoints = _open(config, tmp_path, keep=2)
  for step, rank1 in ((1, 10.0), (2, 90.0), (3, 20.0), (4, 30.0), (5, 40.0)):
    checkpoints.save(_at(state, step), rank1)
    checkpoints.wait()
  checkpoints.close()
  kept = {int(p.name) for p in (tmp_path / 'checkpoints').glob('[0-9]*')}
  assert kept == {2, 4, 5}


def test_half_written_checkpoint_does_not_count(config, state, tmp_path):
  checkpoints = _open(config, tmp_path)
  checkpoints.save(_at(state, 1), None)
  checkpoints.wait()
  checkpoints.close()
  # What a kill leaves behind: Orbax's temporary name, never renamed.
  half = tmp_path / 'checkpoints' / '2.orbax-checkpoint-tmp-0'
  (half / 'variables').mkdir(parents=True)
  checkpoints = _open(config, tmp_path)
  assert checkpoints.latest_step() == 1
  checkpoints.close()


def test_an_empty_newer_folder_hides_nothing(config, state, tmp_path):
  """Orbax alone would take it for the latest and save nothing."""
  (tmp_path / 'checkpoints/99').mkdir(parents=True)
  checkpoints = _open(config, tmp_path)
  assert checkpoints.latest_step() is None
  checkpoints.save(_at(state, 1), None)
  checkpoints.wait()
  assert checkpoints.latest_step() == 1
  checkpoints.close()


@pytest.mark.parametrize('part', ['', 'checkpoints', 'checkpoints/7'])
def test_weights_load_from_any_of_its_folders(config, state, tmp_path, part):
  checkpoints = _open(config, tmp_path)
  checkpoints.save(_at(state, 7), None)
  checkpoints.wait()
  checkpoints.close()
  variables, manifest = checkpointing.load_variables(str(tmp_path / part))
  assert manifest['model']['embedding_dim'] == config.model.embedding_dim
  for a, b in zip(
    jax.tree.leaves(variables['params']),
    jax.tree.leaves(_at(state, 7).params),
    strict=True,
  ):
    np.testing.assert_array_equal(a, b)


def test_missing_checkpoint_is_an_error(tmp_path):
  with pytest.raises(errors.UserError, match='found none'):
    checkpointing.load_variables(str(tmp_path / 'nothing'))


def test_checkpoint_of_another_format_is_an_error(config, state, tmp_path):
  manifest = manifests.make_manifest(config, 'pretrain') | {'format': 1}
  checkpoints = checkpointing.Checkpoints(tmp_path, manifest, 1)
  checkpoints.save(state, None)
  checkpoints.wait()
  checkpoints.close()
  with pytest.raises(errors.UserError, match='of format 2, found format 1 in'):
    checkpointing.load_variables(str(tmp_path))


def test_damaged_checkpoint_is_an_error(config, state, tmp_path):
  checkpoints = _open(config, tmp_path)
  checkpoints.save(_at(state, 1), None)
  checkpoints.wait()
  checkpoints.close()
  for path in (tmp_path / 'checkpoints/1/variables').rglob('*'):
    if path.is_file():
      path.write_bytes(b'')
  with pytest.raises(errors.UserError, match='complete selfgait_jax'):
    checkpointing.load_variables(str(tmp_path))


def test_checkpoint_of_another_model_is_an_error(config):
  manifest = manifests.make_manifest(config, 'pretrain')
  other = config.copy_and_resolve_references()
  other.model.widths = (4, 8, 16)
  with pytest.raises(errors.UserError, match='config.model.widths'):
    manifests.check_model(manifest, other, 'somewhere')


def test_state_of_another_optimiser_is_an_error(config, state, tmp_path):
  checkpoints = _open(config, tmp_path)
  checkpoints.save(_at(state, 1), None)
  checkpoints.wait()
  stage = config.pretrain.copy_and_resolve_references()
  stage.optimizer = 'sgd'
  other = optimizers.make_optimizer(stage).init(state.params)
  like = jax.eval_shape(lambda: state.replace(opt_state=other))
  with pytest.raises(errors.UserError, match='other tensors'):
    checkpoints.restore(like, _replicated())
  checkpoints.close()


def test_history_of_configs_is_kept_by_step(config, state, tmp_path):
  other = config.copy_and_resolve_references()
  other.seed, other.pretrain.learning_rate = 7, 0.5
  checkpoints = _open(config, tmp_path)
  checkpoints.save(_at(state, 3), None)
  checkpoints.wait()
  checkpoints.close()
  for step, now in ((5, other), (6, other), (8, config)):
    checkpoints = _open(now, tmp_path)
    checkpoints.restore(jax.eval_shape(lambda: state), _replicated())
    checkpoints.save(_at(state, step), None)
    checkpoints.wait()
    checkpoints.close()
  _, manifest = checkpointing.read_manifest(str(tmp_path))
  hashes = [identity.config_hash(c) for c in (config, other, config)]
  found = [
    (entry['from_step'], entry['config_hash'], entry['seed'])
    for entry in manifest['source']['history']
  ]
  assert found == list(zip((1, 4, 7), hashes, (0, 7, 0), strict=True))


def test_a_flipped_bit_is_found(config, state, tmp_path):
  """In uncompressed values, where no reader of the format would notice."""
  checkpoints = _open(config, tmp_path)
  like = jax.eval_shape(lambda: state)
  saved = _at(state, 1)
  checkpoints.save(saved, None)
  checkpoints.wait()
  written = digests.of({}, params=saved.params)
  changed = jax.tree.map(lambda x: x, saved.params)
  name, leaf = next(iter(changed['encoder'].items()))
  changed['encoder'][name] = jax.tree.map(lambda x: -x, leaf)
  names = digests.differing(written, 'params', changed)
  assert names and all(n.startswith(f'encoder/{name}') for n in names)
  assert not digests.differing(written, 'params', saved.params)
  path = tmp_path / 'checkpoints/1/digests/metadata'
  path.write_text(path.read_text().replace('a', 'b'))
  for load in (
    lambda: checkpointing.load_variables(str(tmp_path)),
    lambda: checkpoints.restore(like, _replicated()),
  ):
    with pytest.raises(errors.UserError, match='found otherwise'):
      load()
  checkpoints.close()


def test_checkpoint_without_digests_loads(config, state, tmp_path):
  """As older versions wrote it."""
  checkpoints = _open(config, tmp_path)
  checkpoints.save(_at(state, 1), None)
  checkpoints.wait()
  shutil.rmtree(tmp_path / 'checkpoints/1/digests')
  checkpointing.load_variables(str(tmp_path))
  checkpoints.restore(jax.eval_shape(lambda: state), _replicated())
  checkpoints.close()
