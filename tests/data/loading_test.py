"""TFDS, packed files and rendering give the same sequences, each read once."""

import subprocess
import sys

import fabricated
import numpy as np
import pytest

from selfgait_jax import errors
from selfgait_jax.configs import default
from selfgait_jax.data import datasets, loading, packed, sequences, stored
from selfgait_jax.data.prepare import preparation, trees, walker_source
from selfgait_jax.data.walkers import walkers

KEYS = [
  (subject, condition, view)
  for subject in ('003', '001', '002')
  for condition in ('nm-01', 'bg-01')
  for view in ('090', '000')
]


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
  """A data directory with a small casia_b, its packed file and its clips."""
  root = tmp_path_factory.mktemp('data')
  clips = fabricated.pickle_tree(root / 'in', KEYS)
  tree = trees.open_tree(datasets.CASIA_B, root / 'in')
  preparation.prepare(tree, root / 'out', 1)
  records = loading.read_records('casia_b', root / 'out')
  packed.write(records, root / 'packed.npz', 'casia_b')
  return root, clips


def config(data_dir, name='casia_b', packed_file=''):
  c = default.get_config()
  c.data_dir, c.data.name = str(data_dir), name
  c.data.packed_file = str(packed_file)
  c.data.workers = 1
  return c


def keys(data):
  names = (data.subjects, data.conditions, data.views)
  return list(zip(*(column.tolist() for column in names), strict=True))


def test_all_sequences_sorted_and_unchanged(prepared):
  root, clips = prepared
  data = loading.load(config(root / 'out'))
  assert keys(data) == sorted(KEYS) and data.name == 'casia_b'
  assert data.frames.dtype == np.uint8
  assert len(data.frames) == sum(map(len, clips.values()))
  for row, key in enumerate(keys(data)):
    np.testing.assert_array_equal(data[row], clips[key])


def test_the_packed_file_holds_the_same_in_black_and_white(prepared):
  root, clips = prepared
  data = loading.load(config('', packed_file=root / 'packed.npz'))
  assert keys(data) == sorted(KEYS)
  for row, key in enumerate(keys(data)):
    np.testing.assert_array_equal(data[row], (clips[key] > 127) * 255)


@pytest.mark.parametrize('file', ['', 'packed.npz'])
def test_only_the_wanted_subjects_are_decoded(prepared, file):
  root, _ = prepared
  c = config(root / 'out', packed_file=file and root / file)
  whole = loading.load(c)
  for wanted in (['001', '003'], {'003', '001', '999'}):
    part = loading.load(c, wanted)
    assert set(part.subjects) == {'001', '003'}
    assert len(part.frames) == part.lengths.sum() < len(whole.frames)
  with pytest.raises(errors.UserError, match='none in casia_b'):
    loading.load(c, ['077'])


@pytest.mark.parametrize('file', ['', 'packed.npz'])
def test_the_fingerprint_is_that_of_the_pixels(prepared, file):
  root, _ = prepared
  data = loading.load(config(root / 'out', packed_file=file and root / file))
  clips = [data[row].copy() for row in range(len(data))]

  def fingerprint():
    records = [(*key, c) for key, c in zip(keys(data), clips, strict=True)]
    return sequences.from_records(records, 'casia_b').fingerprint

  assert data.fingerprint == fingerprint()
  clips[3][0, 5, 5] ^= 255
  assert data.fingerprint != fingerprint()
  some = data.select(np.array([4, 2]))
  assert some.fingerprint != data.fingerprint
  assert some.pixels.tolist() == data.pixels[[4, 2]].tolist()


def test_a_packed_file_needs_no_tensorflow(prepared):
  root, _ = prepared
  code = f"""
import sys
from selfgait_jax.configs import default
from selfgait_jax.data import loading
c = default.get_config()
c.data.packed_file = {str(root / 'packed.npz')!r}
assert len(loading.load(c)) == {len(KEYS)}
assert not {{'tensorflow', 'tensorflow_datasets'}} & set(sys.modules)
"""
  subprocess.run([sys.executable, '-c', code], check=True)


def test_tfds_leaves_the_gpus_to_jax_and_says_when_tensorflow_is_missing():
  code = """
import sys
import tensorflow as tf
from selfgait_jax import errors
asked = []
tf.config.set_visible_devices = lambda *devices: asked.append(devices)
from selfgait_jax.data import loading
from selfgait_jax.data.prepare import builders
assert asked == [([], 'GPU')], asked
del sys.modules['selfgait_jax.data.prepare.builders']
del sys.modules['selfgait_jax.data.prepare'].builders
sys.modules['tensorflow'] = None
try:
  loading.read_records('casia_b', 'data')
except errors.UserError as error:
  assert 'packed_file' in str(error), error
else:
  raise AssertionError('no error')
"""
  subprocess.run([sys.executable, '-c', code], check=True)


def test_data_that_is_not_there_ends_with_the_command_to_run(prepared):
  root, _ = prepared
  with pytest.raises(errors.UserError, match='--dataset=oumvlp --input=TREE'):
    loading.load(config(root / 'out', 'ou_mvlp'))
  with pytest.raises(errors.UserError, match='expected ou_mvlp.*casia_b'):
    loading.load(config('', 'ou_mvlp', root / 'packed.npz'))
  (root / 'damaged.npz').write_bytes((root / 'packed.npz').read_bytes()[:-2000])
  for name in ('absent.npz', 'damaged.npz'):
    with pytest.raises(errors.UserError, match='packed data set'):
      loading.load(config('', packed_file=root / name))


def test_walkers_are_rendered_once_and_again_when_the_renderer_changes(
  tmp_path, monkeypatch
):
  c = config(tmp_path, 'synthetic_gait')
  c.synthetic.train_subjects, c.synthetic.test_subjects = 1, 1
  c.synthetic.frames, c.synthetic.seed = 2, 5
  c.data.workers = 2
  said = []
  data = loading.load(c, report=said.append)
  assert keys(data) == sorted(datasets.synthetic(2).sequences())
  assert (data.lengths == 2).all()
  for row in (0, 57, 219):
    clip = walkers.render_sequence(*keys(data)[row], 2, 5)
    np.testing.assert_array_equal(data[row], clip)
  assert any('ETA' in line for line in said)

  said.clear()
  assert loading.load(c, report=said.append).fingerprint == data.fingerprint
  assert not said
  describe = walker_source.WalkerSource.describe
  monkeypatch.setattr(
    walker_source.WalkerSource,
    'describe',
    lambda source: {**describe(source), 'renderer': 'another'},
  )
  loading.load(c, report=said.append)
  assert any('written' in line for line in said)
  c.synthetic.seed = 6
  assert loading.load(c).fingerprint != data.fingerprint


@pytest.mark.parametrize('shared, reads', [(False, 2), (True, 1)])
def test_every_subject_is_read_once(shared, reads, monkeypatch):
  """With `reference.partition` both sides have all subjects."""
  asked = []

  def load(config, subjects):
    asked.append(subjects)
    clip = np.zeros((2, 64, 64), np.uint8)
    names = [(s, 'nm-01', '090', clip) for s in subjects]
    return sequences.from_records(names, config.data.name)

  monkeypatch.setattr(loading, 'load', load)
  c = default.get_config()
  c.reference.partition = shared
  read = loading.loader(c)
  sides = [read(side) for side in ('train', 'test', 'train')]
  assert len(asked) == reads
  assert sides[0] is sides[2]
  assert (sides[0].frames is sides[1].frames) == shared
  found = np.concatenate([sides[0].subjects, sides[1].subjects])
  assert sorted(found) == sorted(datasets.CASIA_B.subjects)


def test_frames_that_do_not_fit_into_memory_are_counted():
  record = stored.Record('001', 'nm-01', '090', 2**40, '', b'')
  with pytest.raises(errors.UserError, match=f'the {2**40} frames of casia_b'):
    loading._decode([record], 'casia_b', packed.decode)
