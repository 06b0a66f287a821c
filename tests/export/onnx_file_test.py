"""The ONNX file gives the network's embeddings, with ONNX Runtime alone.

Runs in the environment of requirements-onnx.txt, with pytest:
`python -m pytest --noconftest -o addopts= tests/export/onnx_file_test.py`.
"""

import exported
import pytest
import random_networks

pytest.importorskip('jax2onnx')

from selfgait_jax import errors
from selfgait_jax.cli import command
from selfgait_jax.export import onnx_file
from selfgait_jax.models import layers

NETWORKS = tuple(random_networks.SMALL)


@pytest.mark.parametrize('name', NETWORKS)
def test_small_networks_keep_their_embeddings(name, tmp_path):
  modules = _check(*exported.small(name), tmp_path)
  assert modules <= {'numpy', 'onnxruntime'}


@pytest.mark.slow
@pytest.mark.parametrize('name', NETWORKS)
def test_published_networks_keep_their_embeddings(name, tmp_path):
  _check(*exported.published(name), tmp_path)


@pytest.mark.parametrize('form', random_networks.FORMS)
def test_other_forms_of_networks_keep_their_embeddings(form, tmp_path):
  _check(*exported.small(form), tmp_path)


def test_a_network_that_cannot_be_converted_is_refused_by_name(
  tmp_path, monkeypatch
):
  def unknown(x, mask, value=0):
    raise NotImplementedError('no such primitive')

  exported.write_folder(tmp_path / 'model', *exported.small('selfgait'))
  monkeypatch.setattr(layers, 'fill_padding', unknown)
  with pytest.raises(errors.UserError, match='selfgait.*no such primitive'):
    onnx_file.write(str(tmp_path / 'model'), tmp_path / 'out')
  assert not (tmp_path / 'out').exists()


def test_a_program_that_differs_is_refused(tmp_path, monkeypatch):
  exported.write_folder(tmp_path / 'model', *exported.small('selfgait'))
  monkeypatch.setattr(onnx_file, 'LARGEST_ERROR', -1.0)
  with pytest.raises(errors.UserError, match='a program that is .* off'):
    onnx_file.write(str(tmp_path / 'model'), tmp_path / 'out')


def test_a_checkpoint_must_become_a_folder_first(tmp_path):
  with pytest.raises(errors.UserError, match='--to=folder'):
    onnx_file.write(str(tmp_path), tmp_path / 'out')


def _check(section, variables, tmp_path):
  """The modules that the fresh process imported."""
  path, model = tmp_path / 'a.onnx', str(tmp_path / 'model')
  exported.write_folder(tmp_path / 'model', section, variables)
  assert command.main(['export', model, '--to=onnx', f'--out={path}']) == 0
  # At full width the loader takes the middle columns.
  width = 64 if section.crop_width == 44 else section.crop_width
  clips = exported.clips(width, exported.LENGTHS)
  alone, together, modules = exported.loaded_elsewhere(
    'InferenceSession', path, clips, tmp_path
  )
  wanted = exported.expected(section, variables, clips)
  for row, expected in enumerate(wanted):
    for found in (alone[row], together[row]):
      assert random_networks.error(found, expected) < exported.LARGEST_ERROR
  return modules
