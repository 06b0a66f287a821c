"""The conversion command: what it writes and what it refuses."""

import json

import numpy as np
import pytest
import safetensors.numpy
import state_dicts

from selfgait_jax import errors
from selfgait_jax.convert import conversion, recognise, weight_files
from selfgait_jax.run import checkpointing


@pytest.mark.parametrize('case', state_dicts.CASES)
def test_every_network_there_and_back(convert, make_file, tmp_path, case):
  kind, section, rules, tensors, given = make_file(case)
  status, out, err = convert(*given)
  assert status == 0, err
  assert f'is {kind} of ' in out and f'read {len(tensors)} tensors' in out
  variables, manifest = checkpointing.load_variables(str(tmp_path / 'out'))
  expected = conversion.to_variables(tensors, rules)
  for name in ('params', 'batch_stats'):
    state_dicts.assert_same(variables[name], expected.get(name, {}))
  assert manifest['checkpoint'] == str(tmp_path / 'out/checkpoints/0')
  assert manifest['model'] == json.loads(json.dumps(section))
  found = weight_files.read(tmp_path / 'model.safetensors')
  source = manifest['source']
  assert (source['kind'], source['file']) == (kind, 'model.safetensors')
  assert source['program'] == recognise.KINDS[kind].program
  assert source['sha256'] == found.sha256
  assert manifest['step'] == 0 and source['iteration'] is None

  back = tmp_path / 'back.safetensors'
  status, out, err = convert(
    f'--input={tmp_path / "out"}', f'--to-torch={back}'
  )
  assert status == 0, err
  again = safetensors.numpy.load_file(back)
  dead = {rule.key for rule in rules if not rule.path}
  tensors |= {key: np.zeros_like(tensors[key]) for key in dead}
  state_dicts.assert_same(again, state_dicts.original(kind, tensors))


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
def test_differences_are_listed_and_refused(convert, make_file, tmp_path, name):
  case, change, words = DIFFERENCES[name]
  *_, given = make_file(case, change=change)
  status, out, err = convert(*given)
  assert status == 1 and words in err and err.startswith('error: expected')
  if name == 'many':
    assert 'missing: GLConvB2.local_conv3d.conv3d.weight' in out
    assert out.index('missing: GLConvB2') < out.index('missing: Head0')
  assert not (tmp_path / 'out').exists()


def test_class_counts_are_said_in_words(convert, make_file, tmp_path):
  for case in ('gaitbase', 'gaitgl', 'gaitgl_large', 'deepgaitv2_2d'):
    *_, given = make_file(case)
    status, _, err = convert(*given, '--setting=classes=74')
    assert status == 1 and 'expected 74 classes, found 5 in ' in err
  assert not (tmp_path / 'out').exists()


def test_a_classifier_that_may_be_missing_is_left_out(
  convert, make_file, tmp_path
):
  for case, pattern in (('gaitbase', 'BNNecks.*'), ('gaitgl', 'Head1.*')):
    *_, given = make_file(case, change=_drop(pattern[:-1]))
    status, _, err = convert(
      *given, f'--allow-missing=x,{pattern}', '--overwrite'
    )
    assert status == 0, err
    _, manifest = checkpointing.load_variables(str(tmp_path / 'out'))
    assert manifest['model']['classes'] == 0
    assert manifest['source']['initialised'] == []


def test_other_missing_tensors_are_initialised_anew(
  convert, make_file, tmp_path
):
  *_, rules, tensors, given = make_file(
    'gaitbase', change=_drop('BNNecks.fc_bin')
  )
  status, out, err = convert(
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


def test_missing_rows_of_a_stack_and_a_missing_target(
  convert, make_file, tmp_path
):
  lost = ('conv_trans_state_dict.conv_list_1.3.0', 'TP_2_')
  *_, tensors, given = make_file('selfgait', change=_drop(*lost))
  allowed = '--allow-missing=conv_trans_*,TP_2_state_dict.fc_bin'
  status, out, err = convert(*given, allowed)
  assert status == 0, err
  variables, _ = checkpointing.load_variables(str(tmp_path / 'out'))
  kernel = variables['params']['motion']['short_reduce']['kernel']
  name = 'conv_trans_state_dict.conv_list_1.{}.0.weight'
  np.testing.assert_array_equal(
    kernel[2], tensors[name.format(2)].transpose(2, 1, 0)
  )
  assert name.format(3) in out and np.std(kernel[3]) > 0


def test_unexpected_tensors_may_be_passed_over(convert, make_file, tmp_path):
  *_, given = make_file('gaitpart', change=_add)
  status, out, err = convert(*given, '--allow-unexpected=loss.*')
  assert status == 0, err
  assert 'unexpected: loss.weight 3' in out
  _, manifest = checkpointing.load_variables(str(tmp_path / 'out'))
  assert manifest['source']['ignored'] == ['loss.weight']


def test_tensors_that_nothing_reads_need_not_be_there(convert, make_file):
  dead = ('online_network_state_dict.fc_bin', 'target_network_state_dict.fc_')
  *_, given = make_file('selfgait', change=_drop(*dead))
  assert convert(*given)[0] == 0
  unused = lambda tensors: _drop(
    *(key for key in tensors if key.endswith('num_batches_tracked'))
  )(tensors)
  *_, given = make_file('gaitbase', change=unused)
  assert convert(*given, '--overwrite')[0] == 0


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
def test_wrong_settings_are_named(convert, make_file, tmp_path, setting, words):
  *_, given = make_file('gaitbase')
  status, _, err = convert(*given, f'--setting={setting}')
  assert status == 1 and words in err and not (tmp_path / 'out').exists()


def test_heads_that_the_original_has_not_are_refused(convert, make_file):
  *_, given = make_file('gaitset')
  status, _, err = convert(*given, '--setting=projector_hidden=8')
  assert status == 1 and 'with predictor, projector besides' in err


def test_settings_reach_the_manifest(convert, make_file, tmp_path):
  *_, given = make_file('deepgaitv2_2d')
  more = ('--setting=use_emb2=true', '--setting=dtype=bfloat16')
  status, _, err = convert(*given, *more, '--crop-width=64')
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
  convert, make_file, tmp_path, name, iteration
):
  *_, given = make_file('gaitset', name=name)
  assert convert(*given)[0] == 0
  assert [p.name for p in (tmp_path / 'out/checkpoints').iterdir()] == [
    str(iteration)
  ]
  assert convert(*given, '--iteration=7', '--overwrite')[0] == 0
  _, manifest = checkpointing.read_manifest(str(tmp_path / 'out'))
  assert manifest['step'] == 7
  assert (
    'from 0, found -1' in convert(*given, '--iteration=-1', '--overwrite')[2]
  )
