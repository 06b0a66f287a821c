"""Differences between a file and its network: listed, refused or allowed."""

import numpy as np
import pytest

from selfgait_jax.run import checkpointing


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


def test_another_number_of_classes_is_refused(convert, make_file, tmp_path):
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


def test_other_missing_tensors_are_initialised_randomly(
  convert, make_file, tmp_path
):
  *_, rules, tensors, given = make_file(
    'gaitbase', change=_drop('BNNecks.fc_bin')
  )
  status, out, err = convert(
    *given, '--allow-missing=*.fc_bin', '--setting=classes=7'
  )
  assert status == 0, err
  assert 'randomly initialised: BNNecks.fc_bin' in out
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


def test_unexpected_tensors_may_be_ignored(convert, make_file, tmp_path):
  *_, given = make_file('gaitpart', change=_add)
  status, out, err = convert(*given, '--allow-unexpected=loss.*')
  assert status == 0, err
  assert 'unexpected: loss.weight 3' in out
  _, manifest = checkpointing.load_variables(str(tmp_path / 'out'))
  assert manifest['source']['ignored'] == ['loss.weight']


def test_keys_are_printed_on_one_line(convert, make_file):
  """A key cannot pass for words of the program, nor hide them."""
  key = 'loss\nerror: all fine\x1b[2K' + 'x' * 400
  add = lambda tensors: tensors.update({key: np.zeros(3, np.float32)})
  *_, given = make_file('gaitpart', change=add)
  status, out, err = convert(*given)
  shown = r'loss\nerror: all fine\x1b[2Kxxx'
  assert status == 1 and f'1 unexpected ({shown}' in err and len(err) < 600
  assert (
    f'\nunexpected: {shown}' in out and max(map(len, out.split('\n'))) < 300
  )
  assert '\nerror' not in out


def test_tensors_that_are_not_read_may_be_missing(convert, make_file):
  dead = ('online_network_state_dict.fc_bin', 'target_network_state_dict.fc_')
  *_, given = make_file('selfgait', change=_drop(*dead))
  assert convert(*given)[0] == 0
  unused = lambda tensors: _drop(
    *(key for key in tensors if key.endswith('num_batches_tracked'))
  )(tensors)
  *_, given = make_file('gaitbase', change=unused)
  assert convert(*given, '--overwrite')[0] == 0


def test_heads_that_the_original_lacks_are_refused(convert, make_file):
  *_, given = make_file('gaitset')
  status, _, err = convert(*given, '--setting=projector_hidden=8')
  assert status == 1 and 'found also predictor, projector' in err
