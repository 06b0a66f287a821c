"""Training resumes with an imported optimiser, or says why it cannot."""

import numpy as np
import pytest
import resumed_stage
import state_dicts

from selfgait_jax import errors
from selfgait_jax.configs import default
from selfgait_jax.convert import (
  conversion,
  exporter,
  importer,
  optimizer,
  sections,
  weight_files,
)


def test_parameters_are_numbered_as_the_release_numbers_them():
  keys = [rule.key for rule in optimizer.optimised(_selfgait_rules())]
  assert len(keys) == 268
  first = {
    0: 'online_network_state_dict.fc_bin',
    1: 'online_network_state_dict.set_layer1.forward_block.conv.weight',
    7: 'conv_trans_state_dict.conv_list_1.0.0.weight',
    255: 'TP_1_state_dict.fc_bin',
    256: 'projection_1_state_dict.net.0.weight',
    262: 'predictor_state_dict.net.0.weight',
    267: 'predictor_state_dict.net.3.bias',
  }
  assert {index: keys[index] for index in first} == first


def _selfgait_rules():
  return sections.TABLES['selfgait'].rules(default.get_config().model)


def _buffers(rules, tensors, names, idle=()):
  """A state dict of the optimiser; `idle` parameters have no buffers."""
  rng = np.random.default_rng(0)
  parameters = optimizer.optimised(rules)
  state = {
    index: {
      name: rng.random(tensors[rule.key].shape, np.float32) for name in names
    }
    for index, rule in enumerate(parameters)
    if rule.path and index not in idle
  }
  group = {'lr': 0.01, 'params': list(range(len(parameters)))}
  return {'state': state, 'param_groups': [group]}


def _import(monkeypatch, output, content, optimizer_state, case, **options):
  """Imports arrays as if they came from a file."""
  kind, _, _, tensors = content
  found = weight_files.Checkpoint(tensors, optimizer_state, 12, 'f' * 64)
  monkeypatch.setattr(weight_files, 'read', lambda path: found)
  settings = [o.partition('=')[2] for o in state_dicts.options(case)]
  return importer.import_checkpoint(
    'model_12.pth', output, settings=settings, **options
  )


@pytest.mark.parametrize(
  'case, stage, names',
  [
    ('selfgait', 'pretrain', ['momentum_buffer']),
    ('gaitset', 'train', ['exp_avg', 'exp_avg_sq']),
    ('gaitbase', 'train', ['momentum_buffer']),
  ],
)
def test_training_goes_on_from_an_imported_optimiser(
  monkeypatch, tmp_path, case, stage, names
):
  content = state_dicts.make(case)
  _, section, rules, tensors = content
  saved = _buffers(rules, tensors, names, idle=(2,))
  name = 'sgd'
  if names != ['momentum_buffer']:
    name = 'adam'
    saved['param_groups'][0] |= {'betas': [0.8, 0.9]}
    for buffers in saved['state'].values():
      buffers['step'] = np.float32(12)
  directory = tmp_path / stage
  _import(monkeypatch, directory, content, saved, case, with_optimizer=True)
  state, _ = resumed_stage.resume(section, directory, optimizer=name)
  assert int(state.step) == 12
  expected = conversion.to_variables(tensors, rules)
  state_dicts.assert_same(state.params, expected['params'])
  state_dicts.assert_same(
    state.target_params, expected.get('target_params', {})
  )
  state_dicts.assert_same(
    state.target_batch_stats, expected.get('target_batch_stats', {})
  )
  inner = lambda module: state.opt_state[module][1]
  parameters = optimizer.optimised(rules)
  for theirs, ours in zip(
    names, ('mu', 'nu') if name == 'adam' else ('trace',), strict=True
  ):
    whole = {
      rule.key: saved['state'].get(index, {}).get(theirs, 0 * tensors[rule.key])
      for index, rule in enumerate(parameters)
      if rule.path
    }
    live = [rule for rule in parameters if rule.path]
    tree = conversion.to_variables(whole, live)['params']
    for module in state.params:
      state_dicts.assert_same(getattr(inner(module), ours), tree[module])
  if name == 'adam':
    assert {int(inner(module).count) for module in state.params} == {12}

  # The export gives the idle parameter a buffer of zeros.
  written = {}
  monkeypatch.setattr(
    weight_files,
    'write',
    lambda path, content, metadata: written.update(content),
  )
  exporter.export_checkpoint(str(directory), str(tmp_path / 'back.pt'))
  again = written.get('optimizer') or written['optimizer_state_dict']
  assert again['param_groups'][0]['lr'] == 0.01
  assert again['param_groups'][0]['params'] == list(range(len(parameters)))
  for index, rule in enumerate(parameters):
    assert (index in again['state']) == bool(rule.path)
    for theirs in names if rule.path else ():
      kept = saved['state'].get(index, {}).get(theirs, 0 * tensors[rule.key])
      np.testing.assert_array_equal(again['state'][index][theirs], kept)


def test_without_its_optimiser_training_does_not_go_on(monkeypatch, tmp_path):
  content = state_dicts.make('selfgait')
  directory = tmp_path / 'pretrain'
  _import(monkeypatch, directory, content, {}, 'selfgait')
  with pytest.raises(errors.UserError, match='imported without its optimiser'):
    resumed_stage.resume(content[1], directory)


def _no_group(saved):
  saved['param_groups'] = []


def _two_groups(saved):
  saved['param_groups'] *= 2


def _no_parameters(saved):
  del saved['param_groups'][0]['params']


def _a_list(saved):
  saved['state'] = list(saved['state'].values())


def _a_number(saved):
  saved['state'][1]['momentum_buffer'] = 3.0


def _one_more(saved):
  saved['param_groups'][0]['params'].append(99)


def _other_shape(saved):
  saved['state'][1]['momentum_buffer'] = np.zeros(3, np.float32)


@pytest.mark.parametrize(
  'change',
  [
    dict.clear,
    _no_group,
    _two_groups,
    _no_parameters,
    _a_list,
    _a_number,
    _one_more,
    _other_shape,
  ],
)
def test_the_state_of_another_optimiser_is_refused(
  monkeypatch, tmp_path, change
):
  content = state_dicts.make('gaitset')
  saved = _buffers(content[2], content[3], ['momentum_buffer'])
  change(saved)
  with pytest.raises(errors.UserError, match='leave out --with-optimizer'):
    _import(
      monkeypatch,
      tmp_path / 'a',
      content,
      saved,
      'gaitset',
      with_optimizer=True,
    )
  assert not (tmp_path / 'a').exists()


@pytest.mark.parametrize(
  'name, value, words',
  [
    ('exp_avg', np.nan, 'exp_avg of set_block1'),
    ('exp_avg_sq', -1, 'exp_avg_sq of set_block1'),
    ('step', -5, 'number of updates of set_block1'),
    ('step', np.nan, 'number of updates of set_block1'),
    ('step', 2**40, 'number of updates of set_block1'),
  ],
)
def test_impossible_buffers_are_refused(
  tmp_path, monkeypatch, name, value, words
):
  content = state_dicts.make('gaitset')
  saved = _buffers(content[2], content[3], ['exp_avg', 'exp_avg_sq'])
  saved['param_groups'][0]['betas'] = [0.9, 0.999]
  for buffers in saved['state'].values():
    buffers['step'] = np.float32(3)
  buffers = saved['state'][0]
  if name == 'step':
    buffers['step'] = np.float64(value)
  else:
    buffers[name].flat[-1] = value
  with pytest.raises(errors.UserError, match=words):
    _import(
      monkeypatch,
      tmp_path / 'a',
      content,
      saved,
      'gaitset',
      with_optimizer=True,
    )
