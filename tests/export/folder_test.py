"""A checkpoint becomes a folder of weights, manifest and card, and is read."""

import json
import pathlib
import shutil

import jax
import numpy as np
import pytest
import random_networks

import selfgait_jax
from selfgait_jax import errors
from selfgait_jax.cli import command
from selfgait_jax.export import folder
from selfgait_jax.run import checkpointing, manifests, model_folder


@pytest.fixture(scope='module')
def exported(stage, tmp_path_factory):
  output = tmp_path_factory.mktemp('exported') / 'model'
  folder.write(str(stage), output)
  return output


def test_the_folder_embeds_what_the_checkpoint_embeds(stage, exported, clips):
  before = selfgait_jax.load_embedder(str(stage))
  after = selfgait_jax.load_embedder(str(exported))
  np.testing.assert_array_equal(after.embed(clips), before.embed(clips))
  names = sorted(path.name for path in exported.iterdir())
  assert names == ['README.md', 'config.json', 'model.safetensors']
  assert after.manifest.pop('checkpoint') == str(exported)
  before.manifest.pop('checkpoint')
  assert after.manifest['source'].pop('start') == 'pretrain'
  assert before.manifest['source'].pop('start').endswith('/pretrain')
  assert after.manifest == before.manifest


def test_a_folder_can_be_exported_again(exported, tmp_path):
  folder.write(str(exported), tmp_path / 'again')
  for name in ('config.json', 'model.safetensors'):
    again = (tmp_path / 'again' / name).read_bytes()
    assert again == (exported / name).read_bytes()


@pytest.mark.parametrize('name', random_networks.SMALL)
def test_every_network_comes_back_bit_by_bit(name, tmp_path):
  _, variables, _ = random_networks.drawn(name, 44)
  manifest = _manifest(name)
  model_folder.write(tmp_path, variables, manifest, 'card')
  found, read = model_folder.read(tmp_path)
  jax.tree.map(np.testing.assert_array_equal, found, variables)
  assert read['model'] == json.loads(json.dumps(manifest['model']))


def test_half_precision_halves_the_file(stage, exported, clips, tmp_path):
  output = tmp_path / 'half'
  status = command.main(['export', str(stage), f'--out={output}', '--half'])
  assert status == 0
  sizes = [(f / 'model.safetensors').stat().st_size for f in (exported, output)]
  assert sizes[1] < 0.7 * sizes[0]
  half, whole = (
    selfgait_jax.load_embedder(str(f)).embed(clips) for f in (output, exported)
  )
  assert 0 < random_networks.error(half, whole) < 1e-2
  assert 'half (float16)' in (output / 'README.md').read_text()


def test_weights_that_half_precision_cannot_hold_are_refused(tmp_path):
  variables = {'params': {'a': np.float32([1e6])}, 'batch_stats': {}}
  with pytest.raises(errors.UserError, match='--half'):
    model_folder.write(tmp_path, variables, _manifest('selfgait'), '', True)


def test_the_card_tells_data_score_and_terms(exported):
  card = (exported / 'README.md').read_text()
  assert card.startswith('---\nlicense: apache-2.0\nlibrary_name: selfgait_jax')
  assert 'with labels on synthetic walkers' in card
  assert 'weights of `pretrain`' in card
  assert '| all labels ' in card and '| 61.2 |' in card and '`casiab/1`' in card
  assert 'nobody was recorded' in card


def test_other_data_carry_their_terms(stage, tmp_path):
  changed = _changed_manifest(stage, tmp_path, data='casia_b')
  folder.write(str(changed), tmp_path / 'out')
  card = (tmp_path / 'out/README.md').read_text()
  assert card.startswith('---\nlicense: other\n')
  assert 'The terms of CASIA-B hold' in card
  assert 'No score was recorded' in card  # the row is of other weights


def test_names_cannot_write_into_the_card(stage, tmp_path):
  changed = _changed_manifest(stage, tmp_path, data='x`\n# Title')
  folder.write(str(changed), tmp_path / 'out')
  assert '\n# Title' not in (tmp_path / 'out/README.md').read_text()


@pytest.mark.parametrize('results', ['', '[]', '{"rows": 1}', '{"rows": {}}'])
def test_damaged_results_cost_the_score_only(stage, tmp_path, results):
  run = tmp_path / 'run'
  shutil.copytree(stage.parent, run)
  (run / 'results.json').write_text(results)
  folder.write(str(run / 'train'), tmp_path / 'out')
  assert 'No score was recorded' in (tmp_path / 'out/README.md').read_text()


def _flip(path):
  content = bytearray(path.read_bytes())
  content[-3 * len(content) // 4] ^= 1
  path.write_bytes(content)


WAYS = {
  'deleted': pathlib.Path.unlink,
  'emptied': lambda path: path.write_bytes(b''),
  'halved': lambda path: path.write_bytes(
    path.read_bytes()[: path.stat().st_size // 2]
  ),
  'flipped': _flip,
  'noise': lambda path: path.write_bytes(
    np.random.default_rng(0).bytes(path.stat().st_size)
  ),
  'nested': lambda path: path.write_bytes(b'[' * 100_000),
}


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('name', ['config.json', 'model.safetensors'])
def test_a_damaged_folder_is_one_sentence(exported, tmp_path, name, way):
  damaged = tmp_path / 'damaged'
  shutil.copytree(exported, damaged)
  WAYS[way](damaged / name)
  with pytest.raises(errors.UserError, match='^expected .*, found .*; '):
    selfgait_jax.load_embedder(str(damaged))


@pytest.mark.parametrize(
  ('name', 'value'),
  [('crop_width', 40), ('widths', [4, 8, 9]), ('name', 'x'), ('bins', [3])],
)
def test_a_manifest_of_another_network_is_refused(
  exported, tmp_path, name, value
):
  other = tmp_path / 'other'
  shutil.copytree(exported, other)
  config = json.loads((other / 'config.json').read_text())
  config['model'][name] = value
  (other / 'config.json').write_text(json.dumps(config))
  with pytest.raises(errors.UserError, match='not the one that was written'):
    selfgait_jax.load_embedder(str(other))
  variables, _ = model_folder.read(exported)
  rewritten = tmp_path / 'rewritten'  # with digests that fit
  rewritten.mkdir()
  model_folder.write(rewritten, variables, config, '')
  if name != 'crop_width':  # which changes no tensor
    with pytest.raises(errors.UserError, match='^expected .*, found .*; '):
      model_folder.read(rewritten)


def test_a_folder_of_another_format_is_refused(exported, tmp_path):
  shutil.copytree(exported, tmp_path / 'new')
  path = tmp_path / 'new/config.json'
  path.write_text(path.read_text().replace('"format": 2', '"format": 99'))
  with pytest.raises(errors.UserError, match='format 2, found format 99'):
    selfgait_jax.load_embedder(str(path.parent))


def test_the_command_writes_nothing_over_what_is_there(
  stage, exported, tmp_path, capsys
):
  before = (exported / 'README.md').read_bytes()
  assert command.main(['export', str(stage), f'--out={exported}']) == 1
  assert (exported / 'README.md').read_bytes() == before
  assert 'expected nothing at' in capsys.readouterr().err
  assert command.main(['export', str(tmp_path), f'--out={tmp_path}/x']) == 1
  assert 'expected a checkpoint in' in capsys.readouterr().err
  assert not (tmp_path / 'x').exists()


def test_a_failed_export_leaves_nothing(stage, tmp_path, monkeypatch):
  def fail(*_, **__):
    raise OSError('no space left')

  monkeypatch.setattr('safetensors.numpy.save_file', fail)
  with pytest.raises(errors.UserError, match='no space left; free space'):
    folder.write(str(stage), tmp_path / 'out')
  assert not list(tmp_path.iterdir())


def _manifest(name):
  section = random_networks.section(name).to_dict()
  return manifests.describe(section, {'file': 'drawn'})


def _changed_manifest(stage, tmp_path, **source):
  """A folder of the stage's weights with another source."""
  variables, manifest = checkpointing.load_variables(str(stage))
  manifest.pop('checkpoint')
  manifest['source'] |= source
  changed = tmp_path / 'changed'
  changed.mkdir()
  model_folder.write(changed, variables, manifest, '')
  return changed
