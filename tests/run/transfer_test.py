"""Checkpoints of another network or another head, taken as far as they go."""

import json
import logging as python_logging
import pathlib

import jax
import ml_collections
import numpy as np
import pytest

from selfgait_jax import errors, main
from selfgait_jax.configs import synthetic
from selfgait_jax.models import factory
from selfgait_jax.run import checkpointing, manifests, transfer
from selfgait_jax.settings import networks
from selfgait_jax.train import optimizer as optimizers
from selfgait_jax.train import state as states

SMALL = {'widths': (4, 4, 8, 8), 'bins': (4,), 'embedding_dim': 8}


def _gaitbase(seed, **settings):
  config = networks.gaitbase()
  config.update(SMALL | settings)
  model = factory.make_model(config)
  return config, factory.init_variables(model, jax.random.key(seed), 44)


def _same(one, other):
  return all(
    np.array_equal(a, b)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
  )


@pytest.mark.parametrize('classes', [0, 3])
def test_another_head_is_begun_anew(classes, caplog):
  _, found = _gaitbase(0, classes=5, projector_hidden=4)
  _, fresh = _gaitbase(1, classes=classes)
  with caplog.at_level(python_logging.INFO):
    merged = transfer.start_from(found, fresh, 'somewhere')
  assert jax.tree.structure(merged) == jax.tree.structure(fresh)
  for module in ('encoder', 'part_linear'):
    assert _same(merged['params'][module], found['params'][module])
  assert _same(
    merged['batch_stats']['encoder'], found['batch_stats']['encoder']
  )
  said = caplog.text
  assert 'ignored: params/projector/expand/kernel (8, 4)' in said
  if classes:
    neck = merged['params']['neck']
    assert _same(neck['norm'], found['params']['neck']['norm'])
    assert _same(neck['classify'], fresh['params']['neck']['classify'])
    new = 'params/neck/classify/kernel (4, 8, 3) (the checkpoint has'
    assert f'newly initialised: {new}' in said and '(4, 8, 5))' in said
  else:
    assert 'ignored: params/neck/classify/kernel (4, 8, 5)' in said


def test_another_trunk_is_refused():
  _, found = _gaitbase(0, widths=(4, 4, 8, 4))
  _, fresh = _gaitbase(0)
  with pytest.raises(errors.UserError, match='^expected the encoder .*, found'):
    transfer.start_from(found, fresh, 'somewhere')


def test_a_setting_without_a_shape_is_compared():
  ours = ml_collections.ConfigDict({'model': networks.gaitbase()})
  manifest = {'model': ours.model.to_dict() | {'classes': 7, 'bins': [16, 8]}}
  with pytest.raises(errors.UserError, match='config.model.bins'):
    manifests.check_model(manifest, ours, 'x', transfer.HEAD_SETTINGS)
  manifest['model']['bins'] = [16]
  manifests.check_model(manifest, ours, 'x', transfer.HEAD_SETTINGS)
  with pytest.raises(errors.UserError, match='config.model.classes'):
    manifests.check_model(manifest, ours, 'x')


def test_a_setting_that_older_checkpoints_lack_has_its_old_value():
  ours = ml_collections.ConfigDict({'model': networks.gaitset()})
  manifest = {'model': ours.model.to_dict()}
  del manifest['model']['embedding_norm']
  manifests.check_model(manifest, ours, 'x')
  ours.model.embedding_norm = True
  with pytest.raises(
    errors.UserError, match='embedding_norm=True, found False'
  ):
    manifests.check_model(manifest, ours, 'x')
  manifests.check_model(manifest, ours, 'x', transfer.HEAD_SETTINGS)


def test_evaluation_takes_a_checkpoint_as_it_is(packed_file, tmp_path):
  """Of an older GaitSet, with the config of another network.

  How it is computed is still the config's, and new settings are none of its.
  """
  config = synthetic.get_config('smoke')
  config.data.packed_file, config.data.loader = str(packed_file), 'array'
  config.stages, config.eval.report = 'evaluate', False
  section = networks.gaitset()
  section.widths, section.bins, section.embedding_dim = (4, 4), (4,), 4
  path = _save(section, tmp_path / 'imported')
  config.init_from, config.model.dtype = str(path), 'bfloat16'
  main.run(config.lock(), pathlib.Path(tmp_path / 'run'))
  results = json.loads((tmp_path / 'run/results.json').read_text())
  title = 'gaitset of weights.pt'
  assert list(results['rows'])[-1] == title
  assert results['origins'][title]['checkpoint'].startswith(str(path))
  recorded = json.loads((tmp_path / 'run/config.json').read_text())
  assert 'gaitset' in json.dumps(recorded)
  assert 'bfloat16' in json.dumps(recorded)


def _save(section, folder):
  model = factory.make_model(section)
  variables = factory.init_variables(model, jax.random.key(0), 44)
  optimizer = optimizers.make_optimizer(synthetic.get_config().train)
  source = {'kind': 'gaitset', 'file': 'weights.pt'}
  settings = section.to_dict()
  del settings['microbatches'], settings['embedding_norm']
  manifest = manifests.describe(settings, source)
  checkpoints = checkpointing.Checkpoints(folder, manifest, 1)
  checkpoints.save(states.create_state(variables, optimizer), None)
  checkpoints.wait()
  return folder
