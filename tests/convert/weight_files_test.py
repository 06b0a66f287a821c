"""Checkpoint files are read by their content, or refused in a sentence."""

import os
import re
import sys
import zipfile

import bounded
import hostile_files
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
import torch_files

from selfgait_jax import errors
from selfgait_jax.convert import weight_files

TENSORS = {
  'a.weight': np.arange(6, dtype=np.float32).reshape(2, 3),
  'a.count': np.array(7),
}


def _safetensors(tensors=TENSORS, **metadata):
  return safetensors.numpy.save(tensors, metadata)


BAD = {
  'empty': (b'', 'an empty file'),
  'page': (b'<!DOCTYPE html>\n<html>', 'a web page'),
  'late page': (b'\n  <html>', 'a web page'),
  'pointer': (b'version https://git-lfs.github.com/spec/v1\n', 'git lfs pull'),
  'text': (b'weights of a network', 'another kind'),
  'zip': (torch_files.archive({'face': b'x'}), 'it holds archive/face'),
  'empty zip': (b'PK\5\6' + bytes(18), 'it holds nothing'),
  'cut': (_safetensors()[:-1], 'cut short'),
  'cut early': (_safetensors()[:20], 'cut short'),
  'twice': (
    _safetensors({'module.a': np.zeros(1), 'a': np.zeros(1)}),
    'a twice',
  ),
}


@pytest.mark.parametrize('name', BAD)
def test_other_files_are_refused(tmp_path, name):
  content, words = BAD[name]
  path = tmp_path / 'model.pt'
  path.write_bytes(content)
  _refused(path, words)


@pytest.mark.parametrize('name', hostile_files.SAFETENSORS)
def test_damaged_or_hostile_safetensors_are_refused(tmp_path, name):
  content, words = hostile_files.SAFETENSORS[name]
  path = tmp_path / 'model.safetensors'
  path.write_bytes(content)
  with bounded.limits():
    _refused(path, words)


def test_keys_are_escaped_and_bounded(tmp_path):
  path = tmp_path / 'model.safetensors'
  path.write_bytes(_safetensors({'a\nerror: all fine' * 99: np.zeros(1)}))
  _refused(path, r'a key of 1,683 characters (a\nerror: all')
  path.write_bytes(_safetensors({f'{i}': np.zeros(0) for i in range(20_001)}))
  _refused(path, '20,001 tensors')


def test_safetensors_whose_length_begins_like_a_pickle(tmp_path):
  path = tmp_path / 'model.safetensors'
  for spaces in range(0, 256, 8):  # the format fills its header up by 8
    path.write_bytes(_safetensors(TENSORS, more=' ' * spaces))
    if path.read_bytes()[:1] == b'\x80':
      assert len(weight_files.read(path).tensors) == len(TENSORS)
      return
  raise AssertionError('no header is as long as that')


@pytest.mark.parametrize('iteration', ['-5', '4²', '9' * 5000, '1e3', 'x\n'])
def test_a_wrong_iteration_of_safetensors_is_refused(tmp_path, iteration):
  path = tmp_path / 'model.safetensors'
  path.write_bytes(_safetensors(TENSORS, iteration=iteration))
  _refused(path, 'found the iteration ')


def test_other_paths_are_refused(tmp_path):
  _refused(tmp_path / 'nothing.pt', 'No such file')
  _refused(tmp_path, 'Is a directory')


def test_without_torch_a_sentence_says_how_to_get_it(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'torch', None)
  path = tmp_path / 'model.pt'
  path.write_bytes(hostile_files.WHOLE)
  _refused(path, 'pip install -r requirements-convert.txt')
  with pytest.raises(errors.UserError, match='requirements-convert.txt'):
    weight_files.write(tmp_path / 'out.pt', TENSORS, {})
  assert list(tmp_path.iterdir()) == [path]


def test_safetensors_under_any_name(tmp_path):
  half = {
    'x.module.half': np.array([1.5], np.float16),
    'module.brain': np.array([2.5], ml_dtypes.bfloat16),
    'double': np.array([3.5]),
  }
  path = tmp_path / 'model.pt'
  path.write_bytes(_safetensors(TENSORS | half, iteration='12'))
  found = weight_files.read(path)
  assert found.iteration == 12 and found.optimizer == {}
  assert re.fullmatch('[0-9a-f]{64}', found.sha256)
  assert set(found.tensors) == {*TENSORS, 'x.half', 'brain', 'double'}
  for name, value in (('x.half', 1.5), ('brain', 2.5), ('double', 3.5)):
    assert found.tensors[name].dtype == np.float32
    assert found.tensors[name] == [value]
  assert found.tensors['a.count'].dtype.kind == 'i'
  np.testing.assert_array_equal(found.tensors['a.weight'], TENSORS['a.weight'])


def test_safetensors_are_written_whole_or_not(tmp_path, monkeypatch):
  path = tmp_path / 'out.safetensors'
  content = {'model': TENSORS, 'iteration': 3, 'optimizer': {'state': {}}}
  weight_files.write(path, content, {'iteration': '3'})
  before = path.read_bytes()
  assert before == _safetensors(TENSORS, iteration='3')

  def full(*_):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(weight_files.os, 'replace', full)
  with pytest.raises(errors.UserError, match='No space left'):
    weight_files.write(path, {'a': np.zeros(9)}, {})
  assert path.read_bytes() == before
  assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def torch():
  return pytest.importorskip('torch')


@pytest.mark.parametrize('new', [True, False])
def test_torch_files_old_and_new(torch, tmp_path, new):
  tensors = {
    'module.a.weight': torch.arange(6.0).reshape(3, 2).T,  # not contiguous
    'half': torch.tensor([1.5], dtype=torch.bfloat16),
    'double': torch.nn.Parameter(torch.tensor([2.5], dtype=torch.float64)),
    'a.count': torch.tensor(7),
  }
  optimizer = {'state': {0: {'momentum_buffer': torch.ones(2)}}, 'lr': 0.1}
  content = {'model': tensors, 'optimizer': optimizer, 'iteration': 5}
  path = tmp_path / 'model.safetensors'  # the name does not count
  torch.save(content, path, _use_new_zipfile_serialization=new)
  found = weight_files.read(path)
  assert found.iteration == 5
  assert list(found.tensors) == ['a.weight', 'half', 'double', 'a.count']
  for name, tensor in zip(found.tensors, tensors.values(), strict=True):
    np.testing.assert_array_equal(found.tensors[name], tensor.float().detach())
    floating = found.tensors[name].dtype == np.float32
    assert floating == tensor.is_floating_point()
  np.testing.assert_array_equal(
    found.optimizer['state'][0]['momentum_buffer'], np.ones(2, np.float32)
  )


@pytest.mark.parametrize('keep', [(), ('archive/data.pkl',)])
def test_a_torch_file_that_was_zipped_again_is_refused(torch, tmp_path, keep):
  """torch itself reads other numbers out of it, without a word."""
  path = tmp_path / 'model.pt'
  tensors = {f'{i}': torch.arange(999.0) // 9 for i in range(3)}
  torch.save(tensors, path.with_suffix('.good'))
  with (
    zipfile.ZipFile(path.with_suffix('.good')) as good,
    zipfile.ZipFile(path, 'w') as again,
  ):
    root = good.namelist()[0].partition('/')[0]
    for info in good.infolist():
      name = info.filename.replace(root, 'archive', 1)
      packed = zipfile.ZIP_STORED if name in keep else zipfile.ZIP_DEFLATED
      again.writestr(name, good.read(info), packed)
    again.writestr('archive/more', bytes(9999))
  found = torch.load(path, mmap=True)['0']
  assert not torch.equal(found, tensors['0'])
  _refused(path, 'a zip archive that was packed again')


def test_parts_of_a_dictionary_are_joined_by_dots(torch, tmp_path):
  content = {
    'one_state_dict': {'module.w': torch.zeros(1)},
    'optimizer_state_dict': {'state': {}, 'param_groups': [{'lr': 0.1}]},
    'title': 'x',
  }
  torch.save(content, tmp_path / 'model.pth')
  found = weight_files.read(tmp_path / 'model.pth')
  assert list(found.tensors) == ['one_state_dict.w']
  assert found.optimizer['param_groups'] == [{'lr': 0.1}]
  assert found.iteration is None


@pytest.mark.parametrize('iteration', [-5, True, 2**31])
def test_a_wrong_iteration_of_torch_is_refused(torch, tmp_path, iteration):
  content = {'model': {'a': torch.zeros(1)}, 'iteration': iteration}
  torch.save(content, tmp_path / 'model.pt')
  _refused(tmp_path / 'model.pt', f'found the iteration {iteration};')


def test_files_of_torch_without_torch_are_those_of_torch(torch, tmp_path):
  """What the other tests damage is what torch itself can read."""
  for content in (hostile_files.WHOLE, hostile_files.LEGACY):
    (tmp_path / 'model.pt').write_bytes(content)
    found = weight_files.read(tmp_path / 'model.pt').tensors
    assert list(found) == list(hostile_files.TENSORS)
    for key, expected in hostile_files.TENSORS.items():
      np.testing.assert_array_equal(found[key], expected)


def test_torch_reads_what_is_written(torch, tmp_path):
  content = {'model': TENSORS, 'iteration': 3, 'groups': [{'betas': [1, 2]}]}
  weight_files.write(tmp_path / 'out.pt', content, {})
  found = torch.load(tmp_path / 'out.pt', weights_only=True)
  assert found['iteration'] == 3 and found['groups'] == [{'betas': [1, 2]}]
  for key, expected in TENSORS.items():
    np.testing.assert_array_equal(found['model'][key].numpy(), expected)
    assert found['model'][key].numpy().dtype == expected.dtype
  assert list(weight_files.read(tmp_path / 'out.pt').tensors) == list(TENSORS)
  assert [p.name for p in tmp_path.iterdir()] == ['out.pt']


class _Code:
  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return os.mkdir, (str(self.path),)


@pytest.mark.parametrize('new', [True, False])
def test_a_pickle_with_code_is_refused_and_not_run(torch, tmp_path, new):
  path, trace = tmp_path / 'model.pt', tmp_path / 'it ran'
  content = {'a': torch.zeros(1), 'b': _Code(trace)}
  torch.save(content, path, _use_new_zipfile_serialization=new)
  _refused(path, 'wants to run posix.mkdir, which was not done')
  assert not trace.exists()


@pytest.mark.parametrize('new', [True, False])
def test_a_torch_file_cut_anywhere_is_refused(torch, tmp_path, new):
  path = tmp_path / 'model.pt'
  tensors = {'a': torch.zeros(50)}
  torch.save(tensors, path, _use_new_zipfile_serialization=new)
  whole = path.read_bytes()
  for length in (3, 60, len(whole) // 2, len(whole) - 3):
    path.write_bytes(whole[:length])
    _refused(path, 'expected')


@pytest.mark.parametrize(
  'make, words',
  [
    (lambda torch: torch.nn.Linear(2, 2), 'torch.nn.modules.linear.Linear'),
    (lambda torch: [torch.zeros(1)], 'a list instead'),
    (lambda torch: {'epoch': 3}, 'no tensors'),
    (lambda torch: {'a': torch.eye(2).to_sparse()}, '_rebuild_sparse_tensor'),
  ],
)
def test_other_content_of_torch_files(torch, tmp_path, make, words):
  torch.save(make(torch), tmp_path / 'model.pt')
  _refused(tmp_path / 'model.pt', words)


def _refused(path, words):
  with pytest.raises(errors.UserError) as caught:
    weight_files.read(path)
  sentence = str(caught.value)
  assert re.fullmatch('expected .*, found .*; .*', sentence), sentence
  assert words in sentence and str(path) in sentence
  assert sentence.isprintable() and len(sentence) < 1000
