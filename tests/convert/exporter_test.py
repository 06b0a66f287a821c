"""Export of checkpoints to the original PyTorch programs."""

import jax
import ml_collections
import numpy as np
import pytest
import safetensors.numpy
import state_dicts

from selfgait_jax.convert import conversion, folder, weight_files
from selfgait_jax.models import factory
from selfgait_jax.run import manifests


def test_export_refuses_what_it_cannot_write(convert, make_file, tmp_path):
  *_, given = make_file('gaitset')
  assert convert(*given)[0] == 0
  source = f'--input={tmp_path / "out"}'
  back = tmp_path / 'back.safetensors'
  assert (
    'found one of gaitset'
    in convert(source, f'--to-torch={back}', '--model=gaitpart')[2]
  )
  assert 'ends in .pt' in convert(source, f'--to-torch={tmp_path / "b.bin"}')[2]
  nowhere = tmp_path / 'no/where.safetensors'
  assert 'change --to-torch' in convert(source, f'--to-torch={nowhere}')[2]
  assert (
    'found none'
    in convert(f'--input={tmp_path / "empty"}', f'--to-torch={back}')[2]
  )
  assert not back.exists()
  assert convert(source, f'--to-torch={back}')[0] == 0
  assert 'add --overwrite' in convert(source, f'--to-torch={back}')[2]
  assert convert(source, f'--to-torch={back}', '--overwrite')[0] == 0


def test_modules_that_the_original_lacks_are_left_out(convert, tmp_path):
  _, section, _, _ = state_dicts.make('gaitbase')
  section |= {'classes': 0, 'projector_hidden': 8}
  _write_ones(tmp_path, section)
  back = tmp_path / 'back.safetensors'
  status, out, err = convert(f'--input={tmp_path}', f'--to-torch={back}')
  assert status == 0, err
  assert 'the original has no such module: projector' in out
  assert 'no classifier; the original' in out
  starts = {key.split('.')[0] for key in safetensors.numpy.load_file(back)}
  assert starts == {'Backbone', 'FCs'}


def test_a_normalised_embedding_is_refused(convert, tmp_path):
  _write_ones(
    tmp_path, state_dicts.make('gaitset')[1] | {'embedding_norm': True}
  )
  back = tmp_path / 'back.safetensors'
  status, _, err = convert(f'--input={tmp_path}', f'--to-torch={back}')
  assert (
    status and 'expected model.embedding_norm=False, because gaitset' in err
  )
  assert not back.exists()


@pytest.mark.parametrize(
  'settings, words',
  [
    ({'embedding_dim': 6}, 'expected model.embedding_dim=4 as in OpenGait'),
    ({'bins': (8,)}, 'expected model.bins=[16] as in OpenGait'),
  ],
)
def test_a_deepgaitv2_of_other_sizes_is_refused(
  convert, tmp_path, settings, words
):
  section = state_dicts.make('deepgaitv2_2d')[1] | settings
  _write_ones(tmp_path, section)
  back = tmp_path / 'back.safetensors'
  status, _, err = convert(f'--input={tmp_path}', f'--to-torch={back}')
  assert status == 1 and words in err and not back.exists()


def _write_ones(directory, section):
  """A checkpoint of the network, all of its numbers 1."""
  model = factory.make_model(ml_collections.ConfigDict(section))
  shapes = factory.variable_shapes(model, 44)
  variables = jax.tree.map(lambda x: np.ones(x.shape, x.dtype), shapes)
  (directory / 'checkpoints').mkdir()
  manifest = manifests.describe(section, {}) | {'step': 4}
  folder.write(directory / 'checkpoints', 4, manifest, variables=variables)


def test_a_gaitset_goes_back_to_either_program(convert, make_file, tmp_path):
  *_, tensors, given = make_file('gaitset')
  assert convert(*given)[0] == 0
  back = tmp_path / 'back.safetensors'
  arguments = f'--input={tmp_path / "out"}', f'--to-torch={back}'
  assert convert(*arguments, '--model=gaitset_original')[0] == 0
  parts = safetensors.numpy.load_file(back)['module.fc_bin.0']
  # Their first two parts are the coarsest level, one for each branch.
  np.testing.assert_array_equal(parts[0], tensors['Head.fc_bin'][6])
  np.testing.assert_array_equal(parts[1], tensors['Head.fc_bin'][13])


def test_a_supervised_selfgait_goes_back_with_a_fresh_target(
  convert, tmp_path, monkeypatch
):
  _, section, rules, tensors = state_dicts.make('selfgait')
  variables = conversion.to_variables(tensors, rules)
  kept = {name: variables[name] for name in ('params', 'batch_stats')}
  directory = tmp_path / 'train/checkpoints'
  directory.mkdir(parents=True)
  manifest = manifests.describe(section, {}) | {'step': 4}
  folder.write(directory, 4, manifest, variables=kept)
  back = tmp_path / 'back.safetensors'
  status, _, err = convert(
    f'--input={tmp_path / "train"}', f'--to-torch={back}'
  )
  assert status == 0, err
  found = weight_files.read(back)
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
