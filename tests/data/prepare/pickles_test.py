"""Pickles: arrays are read, everything else is refused at once."""

import os
import pickle
import struct
import time

import fabricated
import hostile
import numpy as np
import pytest

from selfgait_jax.data.prepare import pickles, reading

ALL = hostile.PICKLES | hostile.LARGE_PICKLES


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize('dtype', [np.uint8, bool, '<f4', '>f8'])
def test_pickled_arrays_are_read_in_every_protocol(tmp_path, protocol, dtype):
  array = np.asfortranarray(fabricated.silhouettes().astype(dtype))
  for written in (array, np.ascontiguousarray(array)):
    path = fabricated.write_pickle(tmp_path, written, protocol=protocol)
    np.testing.assert_array_equal(pickles.read_array(path), array)


def test_both_names_of_the_numpy_module_are_known(tmp_path):
  content = pickle.dumps(fabricated.silhouettes(), protocol=2)
  old, new = b'numpy.core.multiarray', b'numpy._core.multiarray'
  for module in (old, new):
    path = tmp_path / 'a.pkl'
    path.write_bytes(content.replace(new, old).replace(old, module))
    assert pickles.read_array(path).shape == (3, 64, 64)


class _Runs:
  """Pickles to a call of anything."""

  def __init__(self, function, *arguments):
    self.call = function, arguments

  def __reduce__(self):
    return self.call


def test_a_pickle_that_runs_code_is_refused_and_runs_nothing(tmp_path):
  trace = tmp_path / 'trace'
  for call in (
    _Runs(os.system, f'touch {trace}'),
    _Runs(eval, f'open({str(trace)!r}, "w")'),
    [fabricated.silhouettes(), _Runs(os.mkdir, str(trace))],
    _Runs(np.load, str(trace)),
  ):
    for protocol in (0, 2, 4):
      path = fabricated.write_pickle(tmp_path / 'x', call, protocol=protocol)
      with pytest.raises(reading.Refused, match='only arrays|holds a list'):
        pickles.read_array(path)
  assert not trace.exists()


@pytest.mark.parametrize(
  ('content', 'reason'),
  [
    (b'', 'empty file'),
    (b'hello', 'not a complete pickle'),
    (pickle.dumps(fabricated.silhouettes())[:-500], 'not a complete pickle'),
    (pickle.dumps([1, 2]), 'holds a list'),
    (pickle.dumps(np.array([{}, None])), 'type O8'),
    (pickle.dumps(np.zeros(3, [('a', 'u1')])), 'type V1'),
    (pickle.dumps(np.zeros((1, 64, 64), np.int64)), 'type i8'),
    # Room for two billion objects, asked for in a few bytes.
    (b'\x80\x02Nr\xff\xff\xff\x7f.', 'memo'),
    # An array that states more than its data.
    (
      pickle.dumps(np.zeros((1, 2, 3), np.uint8), 2).replace(
        b'K\x01K\x02K\x03', b'K\xffK\xffK\xff'
      ),
      'stated shape',
    ),
  ],
)
def test_other_pickles_are_refused_with_the_reason(tmp_path, content, reason):
  path = tmp_path / 'bad.pkl'
  path.write_bytes(content)
  with pytest.raises(reading.Refused, match=reason):
    pickles.read_array(path)


def test_a_pipe_is_not_waited_for(tmp_path):
  os.mkfifo(tmp_path / 'a.pkl')
  with pytest.raises(reading.Refused, match='not a file'):
    pickles.read_array(tmp_path / 'a.pkl')


@pytest.mark.parametrize('name', ALL)
def test_hostile_pickles_cost_no_time_and_give_short_reasons(tmp_path, name):
  path = tmp_path / 'bad.pkl'
  path.write_bytes(ALL[name]())
  start = time.monotonic()
  with pytest.raises(reading.Refused) as raised:
    pickles.read_array(path)
  assert time.monotonic() - start < 5
  assert len(str(raised.value)) <= 200 and str(raised.value).isprintable()


def test_a_text_that_is_used_often_is_encoded_once(tmp_path):
  text = b'X' + struct.pack('<I', 2**20) + b'a' * 2**20  # BINUNICODE
  call = b'(h\x00X\x06\x00\x00\x00latin1tR'
  content = b'\x80\x02' + text + b'q\x00c_codecs\nencode\nq\x010'
  (tmp_path / 'a.pkl').write_bytes(content + 80 * (b'h\x01' + call) + b'.')
  with pytest.raises(reading.Refused, match='instruction POP'):
    pickles.read_array(tmp_path / 'a.pkl')
