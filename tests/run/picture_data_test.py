"""figures.npz is read as it was written, or left out in a sentence."""

import zipfile

import finished_run
import numpy as np
import pytest

from selfgait_jax import errors
from selfgait_jax.run import picture_data


def test_it_is_read_as_it_was_written(tmp_path):
  written = finished_run.pictures()
  picture_data.write(tmp_path, written)
  found = picture_data.read(tmp_path)
  assert found.keys() == written.keys() | {'version'} == set(picture_data.FORM)
  for name, array in written.items():
    np.testing.assert_array_equal(found[name], array)
  assert [path.name for path in tmp_path.iterdir()] == [picture_data.FILE]


def test_no_file_is_no_pictures(tmp_path):
  assert picture_data.read(tmp_path) == {}


def damaged():
  yield b''
  yield b'PK\x03\x04'
  yield b'words'


@pytest.mark.parametrize('content', damaged())
def test_a_damaged_file_is_a_sentence(tmp_path, content):
  (tmp_path / picture_data.FILE).write_bytes(content)
  with pytest.raises(errors.UserError, match='found a damaged file'):
    picture_data.read(tmp_path)


def test_a_file_that_ends_too_early_is_a_sentence(tmp_path):
  picture_data.write(tmp_path, finished_run.pictures())
  path = tmp_path / picture_data.FILE
  path.write_bytes(path.read_bytes()[:-1000])
  with pytest.raises(errors.UserError, match='found a damaged file'):
    picture_data.read(tmp_path)


def test_objects_are_never_unpickled(tmp_path):
  np.savez(tmp_path / picture_data.FILE, version=1, groups=np.array([print]))
  with pytest.raises(errors.UserError, match='damaged'):
    picture_data.read(tmp_path)


def test_a_small_file_that_claims_much_is_not_unpacked(tmp_path):
  path = tmp_path / picture_data.FILE
  with (
    zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive,
    archive.open('clips/frames.npy', 'w') as stream,
  ):
    for _ in range(65):
      stream.write(bytes(2**20))
  assert path.stat().st_size < 2**20
  with pytest.raises(errors.UserError, match='more than'):
    picture_data.read(tmp_path)


@pytest.mark.parametrize('version', [0, 2, 'x', [1]])
def test_another_version_is_a_sentence(tmp_path, version):
  np.savez(tmp_path / picture_data.FILE, version=version)
  with pytest.raises(errors.UserError, match='expected version 1 .* found an'):
    picture_data.read(tmp_path)


@pytest.mark.parametrize(
  ('name', 'array'),
  [
    ('map/pca', np.zeros((5, 2))),  # not as long as the others
    ('map/pca', np.zeros((12, 3))),
    ('map/pca', np.zeros((12, 2), int)),
    ('map/subjects', np.zeros(12)),
    ('map/tsne', np.zeros(12)),
  ],
)
def test_an_array_of_another_form_costs_its_section(tmp_path, name, array):
  picture_data.write(tmp_path, finished_run.pictures() | {name: array})
  found = picture_data.read(tmp_path)
  assert not any(key.startswith('map/') for key in found)
  assert 'distance/edges' in found and 'clips/frames' in found
