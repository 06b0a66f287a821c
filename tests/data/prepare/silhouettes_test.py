"""Sequences: which frames are used, and what is said of the others."""

import tracemalloc

import cv2
import fabricated
import numpy as np
import pytest

from selfgait_jax.data.prepare import alignment, silhouettes
from selfgait_jax.data.prepare.reading import Refused


def person(height=120, width=90, left=30):
  """A raw mask, uint8 [H, W]; the head is narrower than the body."""
  mask = np.zeros((height, width), np.uint8)
  mask[4:-4, left : left + 30] = 255
  mask[4:24, left : left + 10] = 0
  return mask


@pytest.mark.parametrize('dtype', [bool, np.float32, np.float64, np.uint8])
def test_masks_become_grey_values(dtype):
  white = fabricated.silhouettes() > 127
  read = silhouettes.from_array(white.astype(dtype)).frames
  assert read.dtype == np.uint8
  np.testing.assert_array_equal(read, white * np.uint8(255))


def test_cut_sequences_get_their_margins_back():
  clip = fabricated.silhouettes(width=44)
  read = silhouettes.from_array(clip).frames
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
  with pytest.raises(Refused, match=reason):
    silhouettes.from_array(array)


def test_bad_frames_are_named_and_the_others_kept(tmp_path):
  clip = fabricated.silhouettes(frames=6)
  paths = fabricated.write_pngs(tmp_path, clip)
  paths[1].write_bytes(b'')
  paths[2].write_bytes(paths[2].read_bytes()[:60])
  paths[3].write_text('not a picture')
  cv2.imwrite(str(paths[4]), np.ones((32, 32), np.uint8))
  read = silhouettes.from_pngs(paths, aligned=True)
  np.testing.assert_array_equal(read.frames, clip[[0, 5]])
  assert read.too_small == 0
  reasons = dict(read.refused)
  assert set(reasons) == set(paths[1:5])
  assert reasons[paths[1]] == 'an empty file'
  assert 'damaged' in reasons[paths[2]]
  assert reasons[paths[3]] == 'not a PNG'
  assert '32 x 32 pixels, expected 64 x 64' in reasons[paths[4]]
  assert read.remarks == ['only 2 of 6 frames can be used']


def test_aligned_frames_are_of_one_size(tmp_path):
  paths = fabricated.write_pngs(tmp_path, fabricated.silhouettes(frames=4))
  cv2.imwrite(str(paths[2]), fabricated.silhouettes(width=44)[0])
  read = silhouettes.from_pngs(paths, aligned=True)
  assert len(read.frames) == 3
  assert read.refused == [(paths[2], '64 x 44 pixels among frames of 64 x 64')]


def test_raw_masks_may_all_differ_in_size(tmp_path):
  masks = [person(118 + n % 5, 88 + n % 3, 25 + n % 4) for n in range(20)]
  read = silhouettes.from_pngs(fabricated.write_pngs(tmp_path, masks), False)
  expected = np.stack([alignment.align(mask) for mask in masks])
  np.testing.assert_array_equal(read.frames, expected)
  assert not read.refused and not read.remarks


def test_raw_masks_are_not_kept_in_memory(tmp_path):
  mask = np.kron(person(), np.ones((17, 17), np.uint8))  # 3 MB
  paths = 12 * fabricated.write_pngs(tmp_path, [mask])
  tracemalloc.start()
  read = silhouettes.from_pngs(paths, aligned=False)
  peak = tracemalloc.get_traced_memory()[1]
  tracemalloc.stop()
  assert len(read.frames) == 12
  assert peak < 6 * mask.size


def test_losing_more_than_a_tenth_of_the_frames_is_said(tmp_path):
  masks = 20 * [person()]
  masks[3] = masks[7] = np.zeros_like(person())
  read = silhouettes.from_pngs(fabricated.write_pngs(tmp_path, masks), False)
  assert (len(read.frames), read.too_small, read.remarks) == (18, 2, [])
  masks[9] = masks[3]
  read = silhouettes.from_pngs(fabricated.write_pngs(tmp_path, masks), False)
  assert read.remarks == ['only 17 of 20 frames can be used']


def test_raw_masks_without_a_person_leave_no_sequence(tmp_path):
  paths = fabricated.write_pngs(tmp_path, np.zeros((2, 240, 320), np.uint8))
  with pytest.raises(Refused, match='no usable silhouette'):
    silhouettes.from_pngs(paths, aligned=False)


@pytest.mark.parametrize('aligned', [True, False])
def test_inverted_and_white_masks_are_no_silhouettes(tmp_path, aligned):
  good = fabricated.silhouettes(20) if aligned else np.stack(20 * [person()])
  for bad in (255 - good, np.full_like(good, 255), np.ones_like(good)):
    with pytest.raises(Refused, match='no silhouette: 20 frames.*inverted'):
      silhouettes.from_pngs(fabricated.write_pngs(tmp_path, bad), aligned)
    if aligned:
      with pytest.raises(Refused, match='no silhouette: 20 frames.*inverted'):
        silhouettes.from_array(bad)
    if bad.max() == 1:
      continue  # dark grey among frames of 0 to 255
    mixed = np.concatenate([good[:-1], bad[:1]])
    paths = fabricated.write_pngs(tmp_path, mixed)
    read = silhouettes.from_pngs(paths, aligned)
    assert len(read.frames) == 19
    [remark] = read.remarks
    assert remark.startswith('1 of 20 frames left out: white at the border')


@pytest.mark.parametrize('colour', [0, 255])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_a_person_in_the_alpha_channel_is_read(tmp_path, colour, dtype):
  masks = [person(left=20 + n) for n in range(4)]
  for number, mask in enumerate(masks):
    picture = np.full((*mask.shape, 4), colour, dtype)
    picture[..., 3] = (mask > 0) * np.iinfo(dtype).max
    cv2.imwrite(str(tmp_path / f'{number}.png'), picture)
  paths = sorted(tmp_path.glob('*.png'))
  read = silhouettes.from_pngs(paths, aligned=False)
  expected = np.stack([alignment.align(mask) for mask in masks])
  np.testing.assert_array_equal(read.frames, expected)
  assert read.remarks == ['the masks of 4 frames are their alpha channel']


def test_an_alpha_channel_that_says_nothing_is_ignored(tmp_path):
  for number, alpha in enumerate((255, 128, 0)):
    picture = np.repeat(person()[..., None], 4, axis=2)
    picture[..., 3] = alpha
    cv2.imwrite(str(tmp_path / f'{number}.png'), picture)
  paths = sorted(tmp_path.glob('*.png'))
  read = silhouettes.from_pngs(paths, aligned=False)
  expected = alignment.align(person())
  np.testing.assert_array_equal(read.frames, np.stack(3 * [expected]))
  assert not read.remarks
