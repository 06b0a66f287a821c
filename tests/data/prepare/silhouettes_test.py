"""Reading: alignment as the originals, and no file that can do harm."""

import os
import pathlib
import pickle

import fabricated
import numpy as np
import pytest

from selfgait_jax.data.prepare import pickles, silhouettes

GOLDEN = pathlib.Path(__file__).parents[2] / 'golden' / 'pretreatment.npz'


def test_alignment_agrees_with_the_original():
  golden = np.load(GOLDEN)
  for raw, aligned in zip(golden['raw'], golden['aligned'], strict=True):
    ours = silhouettes.align(raw).astype(int)
    assert np.abs(ours - aligned).max() <= 1


def test_alignment_fills_the_height_and_centres_the_mass():
  mask = np.zeros((240, 320), np.uint8)
  mask[50:150, 300:318] = 255  # near the border
  aligned = silhouettes.align(mask)
  assert aligned.shape == (64, 64) and aligned.dtype == np.uint8
  assert aligned[0].any() and aligned[-1].any()
  mass = aligned.sum(0, dtype=int).cumsum()
  assert mass[31] <= mass[-1] / 2 < mass[32]


def test_a_mask_at_the_left_border_or_very_thin_is_kept():
  mask = np.zeros((240, 320), np.uint8)
  mask[:, :5] = 255  # the original drops frames that centre on column 0
  assert silhouettes.align(mask)[:, 32].all()
  assert silhouettes.align(mask[:, :1]).any()


def test_small_masks_are_left_out_and_masks_of_ones_are_not():
  mask = np.zeros((240, 320), np.uint8)
  mask[100:106, 100:106] = 255  # sums to 9,180
  assert silhouettes.align(mask) is None
  mask[50:150, 100:140] = 255
  ones = silhouettes.align((mask > 0).astype(np.uint8))
  np.testing.assert_array_equal(ones, silhouettes.align(mask))


@pytest.mark.parametrize('dtype', [bool, np.float32, np.float64, np.uint8])
def test_masks_become_grey_values(dtype):
  white = fabricated.silhouettes() > 127
  read = silhouettes.from_array(white.astype(dtype))
  assert read.dtype == np.uint8
  np.testing.assert_array_equal(read, white * np.uint8(255))


def test_cut_sequences_get_their_margins_back():
  clip = fabricated.silhouettes(width=44)
  read = silhouettes.from_array(clip)
  assert read.shape == (3, 64, 64)
  np.testing.assert_array_equal(read[:, :, 10:54], clip)
  assert not read[:, :, :10].any() and not read[:, :, 54:].any()


@pytest.mark.parametrize(
  ('array', 'reason'),
  [
    (np.ones((3, 128, 128), np.uint8), 'shape'),
    (np.ones((64, 64), np.uint8), 'shape'),
    (np.zeros((0, 64, 64), np.uint8), '0 frames'),
    (np.zeros((3, 64, 64), np.uint8), 'blank'),
    (np.full((3, 64, 64), 255.0), 'expected 0..1'),
    (np.full((3, 64, 64), np.nan), 'expected 0..1'),
    (np.full((3, 64, 64), -1.0), 'expected 0..1'),
  ],
)
def test_arrays_that_are_no_silhouettes(array, reason):
  with pytest.raises(silhouettes.Refused, match=reason):
    silhouettes.from_array(array)


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
      with pytest.raises(silhouettes.Refused, match='only arrays are allowed'):
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
  with pytest.raises(silhouettes.Refused, match=reason):
    pickles.read_array(path)


def test_a_pickle_cannot_alter_the_reader(tmp_path):
  # BUILD with slot state sets attributes on what `find_class` returned.
  content = b'cnumpy.core.numeric\n_frombuffer\nN}Vspoiled\nNs\x86b.'
  (tmp_path / 'bad.pkl').write_bytes(b'\x80\x02' + content)
  with pytest.raises(silhouettes.Refused):
    pickles.read_array(tmp_path / 'bad.pkl')
  assert not hasattr(pickles._from_buffer, 'spoiled')
  path = fabricated.write_pickle(tmp_path / 'good', fabricated.silhouettes())
  assert pickles.read_array(path).shape == (3, 64, 64)


def test_bad_frames_are_named_and_the_others_kept(tmp_path):
  clip = fabricated.silhouettes(frames=6)
  paths = fabricated.write_pngs(tmp_path, clip)
  paths[1].write_bytes(b'')
  paths[2].write_bytes(paths[2].read_bytes()[:60])
  paths[3].write_text('not a picture')
  fabricated.write_pngs(tmp_path / 'other', [np.ones((32, 32), np.uint8)])
  paths[4].write_bytes((tmp_path / 'other/other-000.png').read_bytes())
  frames, left_out, refused = silhouettes.from_pngs(paths, aligned=True)
  np.testing.assert_array_equal(frames, clip[[0, 5]])
  assert left_out == 0
  reasons = dict(refused)
  assert set(reasons) == set(paths[1:5])
  assert reasons[paths[1]] == 'an empty file'
  assert 'damaged' in reasons[paths[2]]
  assert reasons[paths[3]] == 'not a PNG'
  assert '32 x 32 pixels among frames of 64 x 64' in reasons[paths[4]]


def test_a_picture_that_states_a_monstrous_size_is_refused(tmp_path):
  [path] = fabricated.write_pngs(tmp_path, [np.ones((8, 8), np.uint8)])
  content = bytearray(path.read_bytes())
  content[16:24] = b'\x00\x01\x00\x00' * 2
  path.write_bytes(content)
  with pytest.raises(silhouettes.Refused, match='65536 x 65536'):
    silhouettes.read_png(path)


def test_a_pipe_is_not_waited_for(tmp_path):
  os.mkfifo(tmp_path / 'a.pkl')
  with pytest.raises(silhouettes.Refused, match='not a file'):
    pickles.read_array(tmp_path / 'a.pkl')


def test_raw_masks_without_a_person_leave_no_sequence(tmp_path):
  paths = fabricated.write_pngs(tmp_path, np.zeros((2, 240, 320), np.uint8))
  with pytest.raises(silhouettes.Refused, match='no usable silhouette'):
    silhouettes.from_pngs(paths, aligned=False)
