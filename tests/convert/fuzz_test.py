"""Readers of weight files on random damage: a checkpoint, or one sentence."""

import contextlib

import bounded
import hostile_files
import numpy as np
import pytest
import safetensors.numpy
import torch_files

from selfgait_jax import errors
from selfgait_jax.convert import weight_files

hypothesis = pytest.importorskip('hypothesis')
st = hypothesis.strategies

with contextlib.suppress(ImportError):
  import torch  # noqa: F401 - here, not within the limits of a test

SEEDS = {
  'torch': [
    hostile_files.WHOLE,
    hostile_files.LEGACY,
    *(content for content, _ in hostile_files.TORCH.values()),
  ],
  'safetensors': [
    safetensors.numpy.save(hostile_files.TENSORS, {'iteration': '3'}),
    *(content for content, _ in hostile_files.SAFETENSORS.values()),
  ],
}
# Values that mean something in lengths, instructions and headers.
INTERESTING = [0, 1, 2, 0x28, 0x2E, 0x52, 0x5D, 0x7D, 0x7F, 0x80, 0x8A, 0xFF]


@st.composite
def damaged(draw, seeds):
  """A seed with a few bytes changed, removed, repeated or put in."""
  # Most of the damage goes to whole files, whose readers go the farthest.
  content = bytearray(draw(st.sampled_from(seeds[:2] * 5 + seeds)))
  for _ in range(draw(st.integers(1, 4))):
    place = draw(st.integers(0, max(len(content) - 1, 0)))
    length = draw(st.sampled_from([1, 2, 4, 8, 60]))
    part = content[place : place + length]
    change = draw(st.sampled_from(['flip', 'value', 'drop', 'repeat', 'cut']))
    if change == 'flip' and part:
      content[place] ^= 1 << draw(st.integers(0, 7))
    elif change == 'value':
      value = draw(st.sampled_from(INTERESTING))
      content[place : place + length] = bytes([value]) * len(part)
    elif change == 'drop':
      del content[place : place + length]
    elif change == 'repeat':
      content[place:place] = part * draw(st.integers(1, 50))
    elif change == 'cut':
      del content[place:]
  return bytes(content)


@st.composite
def programs(draw):
  """A zip archive around a pickle of random instructions."""
  pieces = st.sampled_from(
    [b'(', b'}', b']', b')', b't', b'u', b's', b'a', b'e', b'R', b'Q', b'b']
    + [b'\x85', b'\x86', b'\x87', b'0', b'1', b'2', b'N', b'\x88', b'K\1']
    + [b'q\0', b'q\1', b'h\0', b'h\1', b'ccollections\nOrderedDict\n']
    + [torch_files.text('a'), b'ctorch\nFloatStorage\n', b'ctorch\nSize\n']
    + [b'ctorch._utils\n_rebuild_tensor_v2\n', b'\x8a\x01\xff']
    + [torch_files.tensor('a', hostile_files.TENSORS['a'])]
  )
  body = b''.join(draw(st.lists(pieces, max_size=60)))
  numbers = hostile_files.TENSORS['a'].tobytes()
  return torch_files.archive(
    {'data.pkl': b'\x80\x02' + body + b'.', 'data/a': numbers}
  )


@st.composite
def headers(draw):
  """A safetensors file with a header of random JSON."""
  names = st.sampled_from(['a', 'b', '', '__metadata__', '\n', '\u202e'])
  values = st.recursive(
    st.sampled_from([None, True, -1, 2.5, 10**30, '', 'F32', '\ud800', 'a']),
    lambda inner: (
      st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
    ),
    max_leaves=4,
  )
  entry = st.fixed_dictionaries(
    {},
    optional={
      'dtype': st.sampled_from(['F32', 'F16', 'BF16', 'BOOL', 'F8_E5M2']),
      'shape': st.lists(st.sampled_from([0, 1, 2, 8, 2**62]), max_size=5),
      'data_offsets': st.sampled_from([[0, 8], [0, 0], [8, 0], [0, 2]]),
      'more': values,
    },
  )
  header = draw(st.dictionaries(names, entry | values, max_size=3))
  return hostile_files.safetensors_file(header)


FILES = {
  'zip': damaged([hostile_files.WHOLE]),
  'torch': damaged(SEEDS['torch']) | programs(),
  'safetensors': damaged(SEEDS['safetensors']) | headers(),
}


def _fuzz(path, kind, examples):
  @hypothesis.settings(
    max_examples=examples,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
  )
  @hypothesis.given(content=FILES[kind])
  def check(content):
    path.write_bytes(content)
    with bounded.limits():
      _check_one(path, kind == 'zip')

  check()


def _check_one(path, equal):
  """Reads a file: tensors come out, or a sentence.

  Args:
    path: of the file.
    equal: whether tensors that come out have to be those of the whole file,
      as the checksums of a zip archive promise.
  """
  try:
    found = weight_files.read(path)
  except errors.UserError as error:
    sentence = str(error)
    assert sentence.startswith('expected ') and sentence.isprintable()
    assert len(sentence) < 1000
  else:
    assert found.tensors
    for key, array in found.tensors.items():
      assert isinstance(array, np.ndarray) and isinstance(key, str)
      float(array.sum().real)  # all of it can be read
    if equal:
      assert list(found.tensors) == list(hostile_files.TENSORS)
      for key, expected in hostile_files.TENSORS.items():
        np.testing.assert_array_equal(found.tensors[key], expected)


@pytest.mark.parametrize('kind', FILES)
def test_random_damage(tmp_path, kind):
  _fuzz(tmp_path / 'model.pt', kind, 50)


@pytest.mark.slow
@pytest.mark.parametrize('kind', FILES)
def test_much_random_damage(tmp_path, kind):
  _fuzz(tmp_path / 'model.pt', kind, 2000)
