"""The StableHLO file gives the network's embeddings, with JAX alone."""

import exported
import jax
import pytest
import random_networks

from selfgait_jax import errors
from selfgait_jax.cli import command
from selfgait_jax.export import stablehlo

NETWORKS = tuple(random_networks.SMALL)


@pytest.mark.parametrize(
  'name',
  ['selfgait', 'gaitgl']
  + [
    pytest.param(name, marks=pytest.mark.slow)
    for name in NETWORKS
    if name not in ('selfgait', 'gaitgl')
  ],
)
def test_small_networks_keep_their_embeddings(name, tmp_path):
  section, variables = exported.small(name)
  exported.write_folder(tmp_path / 'model', section, variables)
  stablehlo.write(str(tmp_path / 'model'), tmp_path / 'out')
  program = jax.export.deserialize((tmp_path / 'out').read_bytes())
  assert program.platforms == stablehlo.PLATFORMS
  assert [str(x.dtype) for x in program.in_avals] == ['uint8', 'bool']
  assert str(program.out_avals[0].dtype) == 'float32'
  run = random_networks.jitted(program.call)
  clips = exported.clips(section.crop_width)
  expected = exported.expected(section, variables, clips)
  found = run(*exported.padded(clips))
  assert random_networks.error(found, expected) < exported.LARGEST_ERROR
  for row in (0, 1, 4):
    alone = run(*exported.padded(clips[row : row + 1]))[0]
    error = random_networks.error(alone, expected[row])
    assert error < exported.LARGEST_ERROR, exported.LENGTHS[row]


@pytest.mark.slow
@pytest.mark.parametrize('name', NETWORKS)
def test_published_networks_keep_their_embeddings(name, tmp_path):
  section, variables = exported.published(name)
  exported.write_folder(tmp_path / 'model', section, variables)
  _check_in_a_fresh_process(section, variables, exported.LENGTHS, tmp_path)


@pytest.mark.slow
def test_the_loader_of_the_docs_needs_jax_alone(tmp_path):
  section, variables = exported.small('selfgait')
  exported.write_folder(tmp_path / 'model', section, variables)
  modules = _check_in_a_fresh_process(section, variables, (1, 7, 3), tmp_path)
  # JAX itself takes some packages that it finds, so no list would be complete.
  ours = {'selfgait_jax', 'flax', 'ml_collections', 'orbax', 'safetensors'}
  assert not modules & (ours | {'optax', 'tensorflow', 'absl', 'cv2'})


def test_unused_weights_are_left_out(tmp_path):
  sizes = []
  for classes in (5, 5000):
    section = random_networks.section('gaitbase', classes=classes)
    model = random_networks.make('gaitbase', classes=classes)
    folder = tmp_path / str(classes)
    exported.write_folder(folder, section, random_networks.draw(model, 44))
    stablehlo.write(str(folder), tmp_path / f'{classes}.out')
    sizes.append((tmp_path / f'{classes}.out').stat().st_size)
  assert sizes[1] < 1.1 * sizes[0]


def test_a_half_precision_network_computes_in_float32(tmp_path):
  section = random_networks.section('selfgait', dtype='bfloat16', crop_width=8)
  variables = random_networks.drawn('selfgait')[1]
  exported.write_folder(tmp_path / 'model', section, variables)
  stablehlo.write(str(tmp_path / 'model'), tmp_path / 'out')
  program = jax.export.deserialize((tmp_path / 'out').read_bytes())
  assert 'bf16' not in program.mlir_module()


def test_what_cannot_be_written_is_one_sentence(tmp_path):
  section, variables = exported.small('selfgait')
  exported.write_folder(tmp_path / 'model', section, variables)
  with pytest.raises(
    errors.UserError, match='^expected to write .*, found .*; '
  ):
    stablehlo.write(str(tmp_path / 'model'), tmp_path / 'missing/out')
  assert not (tmp_path / 'missing').exists()


def test_half_precision_is_of_folders_only(tmp_path, capsys):
  arguments = ['x', '--to=stablehlo', '--half', f'--out={tmp_path}/y']
  assert command.main(['export', *arguments]) == 1
  assert 'expected --half with --to=folder' in capsys.readouterr().err


def _check_in_a_fresh_process(section, variables, lengths, tmp_path):
  """The modules that the fresh process imported."""
  path, model = tmp_path / 'a.stablehlo', str(tmp_path / 'model')
  assert command.main(['export', model, '--to=stablehlo', f'--out={path}']) == 0
  # At full width the loader takes the middle columns.
  width = 64 if section.crop_width == 44 else section.crop_width
  clips = exported.clips(width, lengths)
  alone, together, modules = exported.loaded_elsewhere(
    'deserialize', path, clips, tmp_path
  )
  wanted = exported.expected(section, variables, clips)
  for row, expected in enumerate(wanted):
    for found in (alone[row], together[row]):
      assert random_networks.error(found, expected) < exported.LARGEST_ERROR
  return modules
