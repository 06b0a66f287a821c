"""PyTorch files that do not hold what they claim are refused, without torch."""

import io
import os
import zipfile

import bounded
import hostile_files
import pytest

from selfgait_jax import errors
from selfgait_jax.convert import pickle_outline, torch_archive, weight_files


@pytest.mark.parametrize('name', hostile_files.TORCH)
def test_a_damaged_or_hostile_file_is_refused(tmp_path, name):
  content, words = hostile_files.TORCH[name]
  path = tmp_path / 'model.pt'
  path.write_bytes(content)
  with bounded.limits(), pytest.raises(errors.UserError) as caught:
    weight_files.read(path)
  sentence = str(caught.value)
  assert sentence.startswith('expected ') and words in sentence
  assert sentence.isprintable() and len(sentence) < 1000


@pytest.mark.parametrize('content', [hostile_files.WHOLE, hostile_files.LEGACY])
def test_a_file_of_pytorch_passes(tmp_path, content):
  path = tmp_path / 'model.pt'
  path.write_bytes(content)
  if content.startswith(b'PK'):
    torch_archive.check_zip(path)
  else:
    torch_archive.check_legacy(path)


def test_a_file_without_checksums_passes(tmp_path):
  """As torch.serialization.set_crc32_options(False) has them written."""
  content = bytearray(hostile_files.WHOLE)
  place = 0
  while (place := content.find(b'PK\1\2', place + 1)) > 0:
    content[place + 16 : place + 20] = bytes(4)
  path = tmp_path / 'model.pt'
  path.write_bytes(content)
  with zipfile.ZipFile(path) as archive:
    assert {info.CRC for info in archive.infolist()} == {0}
  torch_archive.check_zip(path)


def test_a_pipe_is_refused(tmp_path):
  os.mkfifo(tmp_path / 'pipe.pt')
  with pytest.raises(errors.UserError, match='found a pipe or a device'):
    weight_files.read(tmp_path / 'pipe.pt')


def test_the_outline_of_a_pickle(tmp_path):
  path = tmp_path / 'model.pt'
  path.write_bytes(hostile_files.WHOLE)
  with zipfile.ZipFile(path) as archive:
    content = archive.read('archive/data.pkl')
  found = pickle_outline.read(io.BytesIO(content))
  storage = pickle_outline.Storage('FloatStorage', 'a', 600)
  assert found['a'] == pickle_outline.Tensor(storage, (20, 30))
  assert list(found) == ['a', 'b', 'n', 'z']
