"""The import command: what a checkpoint holds, and its way back."""

import json

import numpy as np
import pytest
import safetensors.numpy
import state_dicts

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
  assert f'SHA-256 of model.safetensors: {found.sha256}\n' in out
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


@pytest.mark.parametrize(
  'name, iteration',
  [
    ('model_9000.safetensors', 9000),
    ('GaitBase_DA-60000.safetensors', 60000),
    ('CASIA_73_0.2_full_30-80000-encoder.ptm', 80000),
    ('gaitbase-2.safetensors', 0),
    (f'model_{"9" * 50}.safetensors', 0),
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
  for wrong in (-1, 2**31):
    status, _, err = convert(*given, f'--iteration={wrong}', '--overwrite')
    assert status == 1 and f'from 0 to 2147483647, found {wrong}' in err
