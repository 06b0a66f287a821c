"""Whatever a partition or packed file holds: it is read, or one sentence."""

import io
import json
import tempfile
import zipfile
import zlib

import bounded
import fabricated
import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from selfgait_jax import errors
from selfgait_jax.configs import default
from selfgait_jax.data import packed, partitions, splits, stored

ORDINARY = hypothesis.settings(
  max_examples=50,
  derandomize=True,
  database=None,
  deadline=None,
  suppress_health_check=list(hypothesis.HealthCheck),
)
SLOW = hypothesis.settings(ORDINARY, max_examples=2000, derandomize=False)
TEXT = st.text(max_size=8)


@pytest.fixture(scope='module')
def file(tmp_path_factory):
  return tmp_path_factory.mktemp('fuzz') / 'file'


def outcome(read, words):
  """What `read` returns, or None if it raises a UserError with these words."""
  try:
    with bounded.limits(seconds=5, megabytes=1000):
      return read()
  except errors.UserError as error:
    message = str(error)
    assert message.isprintable() and len(message) <= errors.LONGEST_MESSAGE
    assert words in message and 'more time' not in message
    return None


def edits(content):
  """Copies of `content` with a few bytes replaced, added or left out."""
  edit = st.tuples(
    st.integers(0, len(content)), st.integers(0, 40), st.binary(max_size=20)
  )

  def apply(edits):
    found = content
    for place, left_out, added in edits:
      found = found[:place] + added + found[place + left_out :]
    return found

  return st.lists(edit, min_size=1, max_size=3).map(apply)


# Partition files.

PARTITION = {
  'TRAIN_SET': ['0000', '0001'],
  'TEST_SET': ['0002'],
  'PROBE_SET': ['0002-camid0_videoid2-seq0'],
}
VALUES = st.recursive(
  st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
  lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
  max_leaves=20,
)
NAMES = st.lists(st.sampled_from(['0000', '0001', '0002']) | TEXT)
LISTS = st.fixed_dictionaries(
  {'TRAIN_SET': NAMES | VALUES, 'TEST_SET': NAMES | VALUES},
  optional={'PROBE_SET': NAMES | VALUES, 'GALLERY_SET': NAMES | VALUES},
)
PARTITIONS = (
  st.binary()
  | edits(json.dumps(PARTITION).encode())
  | (LISTS | VALUES).map(lambda value: json.dumps(value).encode())
)
TRAIN = b'{"TEST_SET": [], "TRAIN_SET": '
DAMAGED_PARTITIONS = {
  'nested': TRAIN + b'[' * 100_000,
  'nested and closed': TRAIN + b'[' * 100_000 + b']' * 100_000 + b'}',
  'nested mappings': b'{"a":' * 100_000,
  'digits': TRAIN + b'[' + b'9' * 5000 + b']}',
  'exponent': TRAIN + b'1e5000}',
  'not UTF-8': TRAIN + b'["\xff\xfe"]}',
  'another encoding': json.dumps(PARTITION).encode('utf-16'),
  'byte order mark': b'\xef\xbb\xbf' + json.dumps(PARTITION).encode(),
  'half a character': TRAIN + b'["\\ud800"]}',
  'control characters': TRAIN + b'["\\u001b[2J\\nerror: all fine"]}',
  'long name': TRAIN + b'["' + b'x' * 2_000_000 + b'"]}',
  'nobody': TRAIN + b'[]}',
  'empty': b'',
  'too large': TRAIN + b' ' * 20_000_000 + b'["0000"]}',
}


def read_partition(file, content):
  file.write_bytes(content)
  config = default.get_config()
  config.data.name, config.data.partition_file = 'gait3d', str(file)
  keys = [(s, 'camid0_videoid2', 'seq0') for s in ('0000', '0001', '0002')]

  def read():
    partitions.check(config, keys)
    return [splits.subjects(config, side) for side in ('train', 'test')]

  return outcome(read, 'config.data.partition_file')


def test_a_partition_file_is_read(file):
  content = json.dumps(PARTITION).encode()
  assert read_partition(file, content) == [('0000', '0001'), ('0002',)]


@pytest.mark.parametrize('case', DAMAGED_PARTITIONS)
def test_damaged_partition_files(file, case):
  assert read_partition(file, DAMAGED_PARTITIONS[case]) is None


@ORDINARY
@given(PARTITIONS)
def test_any_partition_file(file, content):
  found = read_partition(file, content)
  assert found is None or set(found[0]) | set(found[1]) <= {
    '0000', '0001', '0002',
  }  # fmt: skip


@pytest.mark.slow
@SLOW
@given(PARTITIONS)
def test_any_of_many_partition_files(file, content):
  read_partition(file, content)


# Packed files.


KEYS = [('001', 'nm-01', '000'), ('001', 'nm-01', '018')]


def make_arrays():
  """The arrays of a small packed file."""
  records = []
  for seed, key in enumerate(KEYS):
    frames = fabricated.silhouettes(seed=seed)
    blob = zlib.compress(frames.tobytes())
    records.append(stored.Record(*key, len(frames), 'c0ffee', blob))
  with tempfile.TemporaryDirectory() as folder:
    packed.write(records, f'{folder}/packed.npz', 'casia_b')
    with np.load(f'{folder}/packed.npz') as file:
      return dict(file)


def archive(arrays, save=np.savez):
  """The bytes of a packed file; an array that is None is left out."""
  target = io.BytesIO()
  save(target, **{k: v for k, v in arrays.items() if v is not None})
  return target.getvalue()


ARRAYS = make_arrays()
ANY_ARRAY = hnp.arrays(
  hnp.scalar_dtypes() | hnp.unicode_string_dtypes() | hnp.array_dtypes(),
  hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
COLUMNS = (
  st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=2)
  | st.lists(st.integers(0, 2000), min_size=2, max_size=2)
  | st.lists(TEXT, min_size=2, max_size=2)
).map(np.array)
CHANGES = st.dictionaries(
  st.sampled_from(sorted(ARRAYS)), st.none() | ANY_ARRAY | COLUMNS, min_size=1
)
ARCHIVES = (
  st.binary()
  | edits(archive(ARRAYS))
  | CHANGES.map(lambda changes: archive(ARRAYS | changes))
)
ZEROS = np.frombuffer(zlib.compress(bytes(200_000_000)), np.uint8)
ONE = {
  'ends': np.array([len(ZEROS)]),
  'blob': ZEROS,
  **{f: ARRAYS[f][:1] for f in ('subject', 'condition', 'view', 'fingerprint')},
}


def with_header(header):
  """An archive whose `ends` has this header and no content."""
  target = io.BytesIO(archive(ARRAYS | {'ends': None}))
  with zipfile.ZipFile(target, 'a') as file:
    text = f'{header}\n'.encode()
    content = b'\x93NUMPY\x01\x00' + len(text).to_bytes(2, 'little') + text
    file.writestr('ends.npy', content)
  return target.getvalue()


def header(shape, dtype="'<i8'"):
  return f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}}}"


DAMAGED_ARCHIVES = {
  'compressed': archive(ARRAYS, np.savez_compressed),
  'a bare array': archive(ARRAYS)[:0] + b'\x93NUMPY\x01\x00\x0a\x00{}        ',
  'pickled objects': archive(ARRAYS | {'subject': np.array([1, 'a'], object)}),
  'bytes for names': archive(ARRAYS | {'view': np.array([b'000', b'018'])}),
  'half a character': archive(ARRAYS | {'view': np.array(['000', '\ud800'])}),
  'no character': archive(
    ARRAYS | {'view': np.array([2**31 - 1, 48], np.uint32).view('<U1')}
  ),
  'falling ends': archive(ARRAYS | {'ends': ARRAYS['ends'][::-1]}),
  'ends beyond': archive(ARRAYS | {'ends': ARRAYS['ends'] * 9}),
  'columns of unequal length': archive(ARRAYS | {'view': np.array(['000'])}),
  'one name twice': archive(ARRAYS | {'view': np.array(['000', '000'])}),
  'wide blob': archive(ARRAYS | {'blob': ARRAYS['blob'].astype(np.uint64)}),
  'no frames': archive(ARRAYS | {'num_frames': np.array([0, 3])}),
  'too many frames': archive(ARRAYS | {'num_frames': np.array([3, 2**62])}),
  'one frame too many': archive(ARRAYS | {'num_frames': np.array([4, 3])}),
  'one frame too few': archive(ARRAYS | {'num_frames': np.array([2, 3])}),
  'bomb': archive(ARRAYS | ONE | {'num_frames': np.array([1])}),
  'bomb of frames': archive(ARRAYS | ONE | {'num_frames': np.array([390_625])}),
  'huge shape': with_header(header(f'({10**12},)')),
  'huge empty shape': with_header(header(f'(0, {10**30})')),
  'many dimensions': with_header(header((0,) * 65)),
  'digits': with_header(header('(' + '9' * 5000 + ',)')),
  'nested shape': with_header(header('(' * 3000 + ')' * 3000)),
  'nested minus': with_header(header('-' * 9000 + '1')),
  'unknown type': with_header(header('(2,)', "'F8E5'")),
  'long name of a data set': archive(
    ARRAYS | {'name': np.array('\n' + 'x' * 1_000_000)}
  ),
  'empty': b'',
}


def read_packed(file, content):
  file.write_bytes(content)

  def read():
    records = packed.read(file, 'casia_b')
    return [(record, packed.decode(record)) for record in records]

  return outcome(read, 'data.packed_file')


def test_a_packed_file_is_read(file):
  found = read_packed(file, archive(ARRAYS))
  assert [(r.subject, r.condition, r.view) for r, _ in found] == KEYS
  assert all(frames.shape == (3, 64, 64) for _, frames in found)


@pytest.mark.parametrize('case', DAMAGED_ARCHIVES)
def test_damaged_packed_files(file, case):
  assert read_packed(file, DAMAGED_ARCHIVES[case]) is None


@ORDINARY
@given(ARCHIVES)
def test_any_packed_file(file, content):
  for record, frames in read_packed(file, content) or ():
    assert frames.shape == (record.num_frames, 64, 64)


@pytest.mark.slow
@SLOW
@given(ARCHIVES)
def test_any_of_many_packed_files(file, content):
  read_packed(file, content)
