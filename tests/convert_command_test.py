"""The conversion command: what it writes, what it refuses, and the way back."""

import json
import os
import runpy
import subprocess
import sys

import jax
import ml_collections
import numpy as np
import pytest
import safetensors.numpy
import small_run
import state_dicts
from flax import traverse_util

from configs import default
from selfgait_jax import checkpointing, errors, sharding
from selfgait_jax import optimizer as optimizers
from selfgait_jax import state as states
from selfgait_jax.convert import (
  conversion,
  exporter,
  files,
  folder,
  importer,
  optimizer,
  recognise,
  sections,
)
from selfgait_jax.models import factory

SCRIPT = small_run.ROOT / 'scripts' / 'convert_checkpoint.py'


@pytest.fixture
def command(capsys):
  """Runs the command here; returns its status, output and last complaint."""
  main = runpy.run_path(str(SCRIPT))['main']

  def run(*arguments):
    status = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return status, said.out, said.err.strip().split('\n')[-1]

  return run


@pytest.fixture
def write(tmp_path):
  """Writes a small state dict; returns (case's content, path, options)."""

  def make(case, name='model.safetensors', change=None):
    kind, section, rules, tensors = state_dicts.make(case)
    if change:
      change(tensors)
    path = tmp_path / name
    safetensors.numpy.save_file(state_dicts.original(kind, tensors), path)
    given = [f'--input={path}', f'--output={tmp_path / "out"}']
    return kind, section, rules, tensors, [*given, *state_dicts.options(case)]

  return make


@pytest.mark.parametrize('case', state_dicts.CASES)
def test_every_network_there_and_back(command, write, tmp_path, case):
  kind, section, rules, tensors, given = write(case)
  status, out, err = command(*given)
  assert status == 0, err
  assert f'is {kind} of ' in out and f'read {len(tensors)} tensors' in out
  variables, manifest = checkpointing.load_variables(str(tmp_path / 'out'))
  expected = conversion.to_variables(tensors, rules)
  for name in ('params', 'batch_stats'):
    _assert_same(variables[name], expected.get(name, {}))
  assert manifest['checkpoint'] == str(tmp_path / 'out/checkpoints/0')
  assert manifest['model'] == json.loads(json.dumps(section))
  found = files.read(tmp_path / 'model.safetensors')
  source = manifest['source']
  assert (source['kind'], source['file']) == (kind, 'model.safetensors')
  assert source['program'] == recognise.KINDS[kind].program
  assert source['sha256'] == found.sha256
  assert manifest['step'] == 0 and source['iteration'] is None

  back = tmp_path / 'back.safetensors'
  status, out, err = command(
    f'--input={tmp_path / "out"}', f'--to-torch={back}'
  )
  assert status == 0, err
  again = safetensors.numpy.load_file(back)
  dead = {rule.key for rule in rules if not rule.path}
  tensors |= {key: np.zeros_like(tensors[key]) for key in dead}
  _assert_same(again, state_dicts.original(kind, tensors))


@pytest.mark.parametrize('case', state_dicts.CASES)
def test_each_network_is_recognised_by_its_keys(case):
  kind, _, _, tensors = state_dicts.make(case)
  model = recognise.KINDS[kind].model
  assert recognise.choose('auto', tensors)[0] == kind
  assert recognise.choose(model, tensors)[0] == kind
  assert recognise.choose(kind, tensors)[0] == kind
  other = 'gaitgl' if model != 'gaitgl' else 'gaitset'
  with pytest.raises(errors.UserError, match=f'found one of {model} .*has'):
    recognise.choose(other, tensors)


@pytest.mark.parametrize(
  'keys, words',
  [
    (['teacher_backbone.layer0.weight'], 'FoundationGait'),
    (
      ['Backbone.forward_block.feature.0.conv.weight', 'FCs.fc_bin'],
      'gaitbase_hid',
    ),
    (['layer0.0.weight', 'layer2.0.weight', 'transformer.a'], 'SwinGait'),
    (['set_layer1.forward_block.conv.weight', 'fc_bin'], 'frame network alone'),
    (['conv1.weight', 'fc.bias'], 'none of them (conv1.weight, fc.bias)'),
  ],
)
def test_networks_that_cannot_be_converted_are_named(keys, words):
  with pytest.raises(errors.UserError) as caught:
    recognise.choose('auto', keys)
  assert words in str(caught.value) and 'gaitset' in str(caught.value)


def _drop(*starts):
  def change(tensors):
    for key in [key for key in tensors if key.startswith(starts)]:
      del tensors[key]

  return change


def _cut(key):
  return lambda tensors: tensors.update({key: tensors[key][:-1]})


def _add(tensors):
  tensors['loss.weight'] = np.zeros(3, np.float32)


DIFFERENCES = {
  'missing': ('gaitset', _drop('gl_block3.0'), '1 missing (gl_block3.0.conv'),
  'many': ('gaitgl', _drop('GLConvB2', 'Head0'), '3 missing (GLConvB2'),
  'shape': ('gaitset', _cut('Head.fc_bin'), 'expected 14x6x256, found 13x6'),
  'more': ('gaitpart', _add, '1 unexpected (loss.weight)'),
  'size': ('gaitbase', _drop('FCs'), 'FCs.fc_bin to tell the size'),
  'classifier': ('gaitbase', _drop('BNNecks.'), '5 missing (BNNecks.bn1d.bias'),
  'matrix': ('gaitbase', _drop('BNNecks.fc_bin'), '1 missing (BNNecks.fc_bin)'),
}


@pytest.mark.parametrize('name', DIFFERENCES)
def test_differences_are_listed_and_refused(command, write, tmp_path, name):
  case, change, words = DIFFERENCES[name]
  *_, given = write(case, change=change)
  status, out, err = command(*given)
  assert status == 1 and words in err and err.startswith('error: expected')
  if name == 'many':
    assert 'missing: GLConvB2.local_conv3d.conv3d.weight' in out
    assert out.index('missing: GLConvB2') < out.index('missing: Head0')
  assert not (tmp_path / 'out').exists()


def test_class_counts_are_said_in_words(command, write, tmp_path):
  for case in ('gaitbase', 'gaitgl', 'gaitgl_large', 'deepgaitv2_2d'):
    *_, given = write(case)
    status, _, err = command(*given, '--setting=classes=74')
    assert status == 1 and 'expected 74 classes, found 5 in ' in err
  assert not (tmp_path / 'out').exists()


def test_a_classifier_that_may_be_missing_is_left_out(command, write, tmp_path):
  for case, pattern in (('gaitbase', 'BNNecks.*'), ('gaitgl', 'Head1.*')):
    *_, given = write(case, change=_drop(pattern[:-1]))
    status, _, err = command(
      *given, f'--allow-missing=x,{pattern}', '--overwrite'
    )
    assert status == 0, err
    _, manifest = checkpointing.load_variables(str(tmp_path / 'out'))
    assert manifest['model']['classes'] == 0
    assert manifest['source']['initialised'] == []


def test_other_missing_tensors_are_initialised_anew(command, write, tmp_path):
  *_, rules, tensors, given = write('gaitbase', change=_drop('BNNecks.fc_bin'))
  status, out, err = command(
    *given, '--allow-missing=*.fc_bin', '--setting=classes=7'
  )
  assert status == 0, err
  assert 'initialised anew: BNNecks.fc_bin' in out
  variables, manifest = checkpointing.load_variables(str(tmp_path / 'out'))
  assert manifest['source']['initialised'] == ['BNNecks.fc_bin']
  neck = variables['params']['neck']
  assert neck['classify']['kernel'].shape == (4, 6, 7)
  assert np.std(neck['classify']['kernel']) > 0
  np.testing.assert_array_equal(
    neck['norm']['bias'].T.reshape(-1), tensors['BNNecks.bn1d.bias']
  )


def test_missing_rows_of_a_stack_and_a_missing_target(command, write, tmp_path):
  lost = ('conv_trans_state_dict.conv_list_1.3.0', 'TP_2_')
  *_, tensors, given = write('selfgait', change=_drop(*lost))
  allowed = '--allow-missing=conv_trans_*,TP_2_state_dict.fc_bin'
  status, out, err = command(*given, allowed)
  assert status == 0, err
  variables, _ = checkpointing.load_variables(str(tmp_path / 'out'))
  kernel = variables['params']['motion']['short_reduce']['kernel']
  name = 'conv_trans_state_dict.conv_list_1.{}.0.weight'
  np.testing.assert_array_equal(
    kernel[2], tensors[name.format(2)].transpose(2, 1, 0)
  )
  assert name.format(3) in out and np.std(kernel[3]) > 0


def test_unexpected_tensors_may_be_passed_over(command, write, tmp_path):
  *_, given = write('gaitpart', change=_add)
  status, out, err = command(*given, '--allow-unexpected=loss.*')
  assert status == 0, err
  assert 'unexpected: loss.weight 3' in out
  _, manifest = checkpointing.load_variables(str(tmp_path / 'out'))
  assert manifest['source']['ignored'] == ['loss.weight']


def test_tensors_that_nothing_reads_need_not_be_there(command, write):
  dead = ('online_network_state_dict.fc_bin', 'target_network_state_dict.fc_')
  *_, given = write('selfgait', change=_drop(*dead))
  assert command(*given)[0] == 0
  unused = lambda tensors: _drop(
    *(key for key in tensors if key.endswith('num_batches_tracked'))
  )(tensors)
  *_, given = write('gaitbase', change=unused)
  assert command(*given, '--overwrite')[0] == 0


@pytest.mark.parametrize(
  'setting, words',
  [
    ('colour=red', 'a name out of bins, '),
    ('bins', 'NAME=VALUE'),
    ('bins=many', 'bins to be like'),
    ('classes=1.5', 'classes to be like 5'),
    ('dtype=float8', 'float8'),
    ('name=gaitset', 'a name out of'),
  ],
)
def test_wrong_settings_are_named(command, write, tmp_path, setting, words):
  *_, given = write('gaitbase')
  status, _, err = command(*given, f'--setting={setting}')
  assert status == 1 and words in err and not (tmp_path / 'out').exists()


def test_heads_that_the_original_has_not_are_refused(command, write):
  *_, given = write('gaitset')
  status, _, err = command(*given, '--setting=projector_hidden=8')
  assert status == 1 and 'with predictor, projector besides' in err


def test_settings_reach_the_manifest(command, write, tmp_path):
  *_, given = write('deepgaitv2_2d')
  more = ('--setting=use_emb2=true', '--setting=dtype=bfloat16')
  status, _, err = command(*given, *more, '--crop-width=64')
  assert status == 0, err
  model = checkpointing.read_manifest(str(tmp_path / 'out'))[1]['model']
  assert model['use_emb2'] is True and model['dtype'] == 'bfloat16'
  assert model['crop_width'] == 64


@pytest.mark.parametrize(
  'name, iteration',
  [
    ('model_9000.safetensors', 9000),
    ('GaitBase_DA-60000.safetensors', 60000),
    ('CASIA_73_0.2_full_30-80000-encoder.ptm', 80000),
    ('gaitbase-2.safetensors', 0),
  ],
)
def test_the_iteration_is_read_off_the_name(
  command, write, tmp_path, name, iteration
):
  *_, given = write('gaitset', name=name)
  assert command(*given)[0] == 0
  assert [p.name for p in (tmp_path / 'out/checkpoints').iterdir()] == [
    str(iteration)
  ]
  assert command(*given, '--iteration=7', '--overwrite')[0] == 0
  _, manifest = checkpointing.read_manifest(str(tmp_path / 'out'))
  assert manifest['step'] == 7
  assert (
    'from 0, found -1' in command(*given, '--iteration=-1', '--overwrite')[2]
  )


# The folder.


def test_what_is_in_the_way_is_kept(command, write, tmp_path):
  *_, given = write('gaitset')
  out = tmp_path / 'out'
  out.mkdir()
  (out / 'notes.txt').write_text('mine')
  assert 'found notes.txt' in command(*given)[2]
  (out / 'notes.txt').unlink()
  assert not list(out.iterdir())
  assert command(*given)[0] == 0
  assert 'add --overwrite' in command(*given)[2]
  assert command(*given, '--overwrite')[0] == 0
  half = out / 'checkpoints/3'
  (half / 'variables').mkdir(parents=True)
  status, _, err = command(*given, '--overwrite')
  assert status == 1 and f'{half}, found half of one' in err
  assert half.is_dir() and (out / 'checkpoints/0/manifest').is_dir()


def test_a_trained_checkpoint_is_never_replaced(command, write, tmp_path):
  *_, given = write('gaitset')
  directory = tmp_path / 'out/checkpoints'
  directory.mkdir(parents=True)
  manifest = checkpointing.describe({}, {'stage': 'train'})
  folder.write(directory, 5, manifest, variables={'params': {'a': np.zeros(1)}})
  status, _, err = command(*given, '--overwrite')
  assert status == 1 and 'no trained checkpoint in the way' in err
  assert [p.name for p in directory.iterdir()] == ['5']


def test_an_output_that_cannot_be_written(command, write, tmp_path):
  (tmp_path / 'file').write_text('')
  *_, given = write('gaitset')
  given[1] = f'--output={tmp_path / "file" / "deeper"}'
  status, _, err = command(*given)
  assert status == 1 and 'change --output' in err and 'Traceback' not in err


def test_a_full_disk_leaves_the_old_checkpoint(
  command, write, tmp_path, monkeypatch
):
  *_, given = write('gaitset')
  assert command(*given, '--iteration=1')[0] == 0

  def fail(*_):
    raise OSError(28, 'No space left on device')

  with monkeypatch.context() as patch:
    patch.setattr(folder.os, 'rename', fail)
    status, _, err = command(*given, '--iteration=2', '--overwrite')
  assert status == 1 and 'No space left' in err
  assert [p.name for p in (tmp_path / 'out/checkpoints').iterdir()] == ['1']
  usage = folder.shutil.disk_usage(tmp_path)._replace(free=10)
  monkeypatch.setattr(folder.shutil, 'disk_usage', lambda _: usage)
  given[1] = f'--output={tmp_path / "new/out"}'
  status, _, err = command(*given)
  assert status == 1 and 'free of' in err and not (tmp_path / 'new').exists()


def test_a_kill_leaves_nothing_that_passes_for_a_checkpoint(
  command, write, tmp_path
):
  *_, given = write('gaitset')
  # The power fails just before the finished folder gets its name.
  program = (
    'import os, runpy, sys; main = runpy.run_path(sys.argv[1])["main"];'
    'from selfgait_jax.convert import folder;'
    'folder.os = type("", (), {"rename": lambda *_: os._exit(9)});'
    'main(sys.argv[2:])'
  )
  arguments = [sys.executable, '-c', program, str(SCRIPT), *given]
  path = os.pathsep.join([str(small_run.NO_TENSORFLOW), str(small_run.ROOT)])
  ended = subprocess.run(
    arguments,
    env=os.environ | {'PYTHONPATH': path},
    capture_output=True,
    text=True,
  )
  assert ended.returncode == 9, ended.stderr
  assert [p.name for p in (tmp_path / 'out/checkpoints').iterdir()] == [
    '0.converting'
  ]
  with pytest.raises(errors.UserError, match='found none'):
    checkpointing.load_variables(str(tmp_path / 'out'))
  assert command(*given)[0] == 0
  assert [p.name for p in (tmp_path / 'out/checkpoints').iterdir()] == ['0']


# The way back.


def test_export_refuses_what_it_cannot_write(command, write, tmp_path):
  *_, given = write('gaitset')
  assert command(*given)[0] == 0
  source = f'--input={tmp_path / "out"}'
  back = tmp_path / 'back.safetensors'
  assert (
    'found one of gaitset'
    in command(source, f'--to-torch={back}', '--model=gaitpart')[2]
  )
  assert 'ends in .pt' in command(source, f'--to-torch={tmp_path / "b.bin"}')[2]
  nowhere = tmp_path / 'no/where.safetensors'
  assert 'change --to-torch' in command(source, f'--to-torch={nowhere}')[2]
  assert (
    'found none'
    in command(f'--input={tmp_path / "empty"}', f'--to-torch={back}')[2]
  )
  assert not back.exists()
  assert command(source, f'--to-torch={back}')[0] == 0
  assert 'add --overwrite' in command(source, f'--to-torch={back}')[2]
  assert command(source, f'--to-torch={back}', '--overwrite')[0] == 0


def test_what_the_original_has_not_is_left_out(command, tmp_path):
  _, section, _, _ = state_dicts.make('gaitbase')
  section |= {'classes': 0, 'projector_hidden': 8}
  model = factory.make_model(ml_collections.ConfigDict(section))
  shapes = states.variable_shapes(model, 44)
  variables = jax.tree.map(lambda x: np.ones(x.shape, x.dtype), shapes)
  (tmp_path / 'checkpoints').mkdir()
  manifest = checkpointing.describe(section, {}) | {'step': 4}
  folder.write(tmp_path / 'checkpoints', 4, manifest, variables=variables)
  back = tmp_path / 'back.safetensors'
  status, out, err = command(f'--input={tmp_path}', f'--to-torch={back}')
  assert status == 0, err
  assert 'left out, since the original has none: projector' in out
  assert 'without a classifier' in out
  starts = {key.split('.')[0] for key in safetensors.numpy.load_file(back)}
  assert starts == {'Backbone', 'FCs'}


def test_a_gaitset_goes_back_to_either_program(command, write, tmp_path):
  *_, tensors, given = write('gaitset')
  assert command(*given)[0] == 0
  back = tmp_path / 'back.safetensors'
  arguments = f'--input={tmp_path / "out"}', f'--to-torch={back}'
  assert command(*arguments, '--model=gaitset_original')[0] == 0
  parts = safetensors.numpy.load_file(back)['module.fc_bin.0']
  # Theirs begin with the coarsest level: the whole of either branch.
  np.testing.assert_array_equal(parts[0], tensors['Head.fc_bin'][6])
  np.testing.assert_array_equal(parts[1], tensors['Head.fc_bin'][13])


def test_a_supervised_selfgait_goes_back_with_a_fresh_target(
  command, tmp_path, monkeypatch
):
  _, section, rules, tensors = state_dicts.make('selfgait')
  variables = conversion.to_variables(tensors, rules)
  kept = {name: variables[name] for name in ('params', 'batch_stats')}
  directory = tmp_path / 'train/checkpoints'
  directory.mkdir(parents=True)
  manifest = checkpointing.describe(section, {}) | {'step': 4}
  folder.write(directory, 4, manifest, variables=kept)
  back = tmp_path / 'back.safetensors'
  status, _, err = command(
    f'--input={tmp_path / "train"}', f'--to-torch={back}'
  )
  assert status == 0, err
  found = files.read(back)
  assert found.iteration == 4
  for part, copy in (
    ('online_network_state_dict.set_layer3', 'target_network_'),
    ('TP_1_state_dict', 'TP_2_'),
    ('projection_1_state_dict.net.1', 'projection_2_'),
  ):
    for key in found.tensors:
      if key.startswith(part):
        other = copy + key[key.index('state_dict') :]
        np.testing.assert_array_equal(found.tensors[key], tensors[key])
        np.testing.assert_array_equal(found.tensors[other], tensors[key])


# The optimiser.


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
  """A state dict of the optimiser; `idle` parameters never had a gradient."""
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
  """Imports arrays as if they had been read from a file."""
  kind, _, _, tensors = content
  found = files.Checkpoint(tensors, optimizer_state, 12, 'f' * 64)
  monkeypatch.setattr(files, 'read', lambda path: found)
  settings = [o.partition('=')[2] for o in state_dicts.options(case)]
  return importer.import_checkpoint(
    'model_12.pth', output, settings=settings, **options
  )


def _stage(section, name, **settings):
  """(config, state as it is before the first step) of a training stage."""
  config = default.get_config()
  config.model = ml_collections.ConfigDict(section)
  config[name].update(settings)
  model = factory.make_model(config.model)
  variables = states.variable_shapes(model, 44)
  targets = model.target_modules if name == 'pretrain' else ()
  like = jax.eval_shape(
    lambda v: states.create_state(
      v, optimizers.make_optimizer(config[name]), targets
    ),
    variables,
  )
  return config, like


def _restore(config, like, directory):
  manifest = checkpointing.make_manifest(config, directory.name)
  checkpoints = checkpointing.Checkpoints(directory, manifest, 1)
  try:
    return checkpoints.restore(like, sharding.replicated(sharding.make_mesh()))
  finally:
    checkpoints.close()


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
  config, like = _stage(section, stage, optimizer=name)
  state = _restore(config, like, directory)
  assert int(state.step) == 12
  expected = conversion.to_variables(tensors, rules)
  _assert_same(state.params, expected['params'])
  _assert_same(state.target_params, expected.get('target_params', {}))
  _assert_same(state.target_batch_stats, expected.get('target_batch_stats', {}))
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
      _assert_same(getattr(inner(module), ours), tree[module])
  if name == 'adam':
    assert {int(inner(module).count) for module in state.params} == {12}

  # And back: what was idle has a buffer of zeros now.
  written = {}
  monkeypatch.setattr(
    files, 'write', lambda path, content, metadata: written.update(content)
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
  config, like = _stage(content[1], 'pretrain')
  with pytest.raises(errors.UserError, match='imported without its optimiser'):
    _restore(config, like, directory)


def _no_group(saved):
  saved['param_groups'] = []


def _two_groups(saved):
  saved['param_groups'] *= 2


def _one_more(saved):
  saved['param_groups'][0]['params'].append(99)


def _other_shape(saved):
  saved['state'][1]['momentum_buffer'] = np.zeros(3, np.float32)


@pytest.mark.parametrize(
  'change', [dict.clear, _no_group, _two_groups, _one_more, _other_shape]
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


def _assert_same(found, expected):
  """Equal in every bit and in what there is."""
  found, expected = (
    traverse_util.flatten_dict(dict(tree)) for tree in (found, expected)
  )
  assert set(found) == set(expected)
  for key, value in expected.items():
    actual = np.asarray(found[key])
    assert actual.dtype == value.dtype, key
    np.testing.assert_array_equal(actual, value, err_msg=str(key))
