"""Clothes: their pixels by hand-made clips, and who draws which."""

import jax
import numpy as np
import pytest

from selfgait_jax.train import augment, clothing

_coat = jax.jit(clothing.put_on_coat)
_bag = jax.jit(clothing.add_bag)


def _clip(frames, left=30, right=35, rows=slice(0, 64)):
  """White in the columns left <= column < right of `rows`, uint8."""
  clip = np.zeros((frames, 64, 64), np.uint8)
  clip[:, rows, left:right] = 255
  return clip


def test_coat_widens_towards_the_hem():
  clip = _clip(1)
  expected = clip.copy()
  # 31 rows: 1 pixel in the first, 3 in the last, 2 around the middle.
  for row in range(10, 41):
    by = 1 + (row >= 18) + (row >= 33)  # 1.5 at 17.5, 2.5 at 32.5
    expected[:, row, 30 - by : 35 + by] = 255
  np.testing.assert_array_equal(_coat(clip, 10, 41, 3, False), expected)

  expected = clip.copy()
  expected[:, 10:41, 29:36] = 255
  np.testing.assert_array_equal(_coat(clip, 10, 41, 1, False), expected)


def test_coat_fills_between_the_outermost_pixels_from_row_30():
  legs = _clip(1, 20, 24) | _clip(1, 40, 44)
  expected = legs.copy()
  for side in (20, 40):
    expected[:, 12:30, side - 1 : side + 5] = 255
  expected[:, 30:45, 19:45] = 255
  expected[:, 35] = legs[:, 35] = 0  # a blank row stays blank
  np.testing.assert_array_equal(_coat(legs, 12, 45, 1, False), expected)


def test_coat_lags_by_a_frame_to_both_sides():
  columns = 10, 20, 30, 40
  clip = np.concatenate([_clip(1, c, c + 3) for c in columns])
  clip[3] = 0
  steady = np.asarray(_coat(clip, 10, 40, 2, False))
  late = np.asarray(_coat(clip, 10, 40, 2, True))
  expected = steady.copy()
  expected[0, 10:40] |= steady[1, 10:40]
  expected[1, 10:40] |= steady[0, 10:40] | steady[2, 10:40]
  expected[2, 10:40] |= steady[1, 10:40]
  np.testing.assert_array_equal(late, expected)
  assert not late[3].any() and (late != steady).any()


def test_bag_is_an_ellipse_beside_the_centroid():
  clip = _clip(1, 30, 35)  # centroid 32
  for offset, left in ((8, 38), (-8, 22)):
    expected = clip.copy()
    for row, spare in zip(range(30, 37), (1, 0, 0, 0, 0, 0, 1), strict=True):
      expected[:, row, left + spare : left + 5 - spare] = 255
    np.testing.assert_array_equal(_bag(clip, 33, offset, 7, 5), expected)


@pytest.mark.parametrize('height', [7, 12])
@pytest.mark.parametrize('width', [5, 6, 9])
def test_bag_has_its_size(height, width):
  clip = _clip(1, 10, 11)
  added = np.asarray(_bag(clip, 33, 20, height, width))[0] ^ clip[0]
  rows, columns = (np.flatnonzero(added.any(axis=a)) for a in (1, 0))
  assert (len(rows), len(columns)) == (height, width)
  assert (rows[0], columns[0]) == (33 - height // 2, 30 - width // 2)
  share = (added > 0).sum() / (np.pi / 4 * height * width)
  assert 0.9 < share < 1.15


def test_bag_follows_the_centroid_of_each_frame():
  clip = np.concatenate([_clip(1, c, c + 5) for c in (20, 23, 30)])
  clip[2] = 0
  bag = np.asarray(_bag(clip, 20, 10, 7, 5)) ^ clip
  assert bag[0].any() and not bag[2].any()
  np.testing.assert_array_equal(bag[1], np.roll(bag[0], 3, axis=1))
  # The centroid weighs grey pixels: here it is 10 + 40 * 1 / 4.
  clip = _clip(1, 10, 11) // 255 * 3 + _clip(1, 50, 51) // 255
  bag = np.asarray(_bag(clip, 32, 9, 7, 5))[0] == 255
  np.testing.assert_array_equal(np.flatnonzero(bag[32]), range(27, 32))


def test_bag_may_leave_the_frame():
  bag = np.asarray(_bag(_clip(1, 0, 3), 33, -9, 7, 5))
  np.testing.assert_array_equal(bag, _clip(1, 0, 3))


def _dress(clips, seed=0):
  return np.asarray(jax.jit(augment.dress)(clips, jax.random.key(seed)))


def test_dress_puts_a_coat_on_all_and_a_bag_on_every_second():
  clip = _clip(1, 30, 35)
  dressed = _dress(np.stack([clip] * 300))
  columns = dressed[:, 0].any(axis=1)
  reaches = [np.abs(np.flatnonzero(row) - 32).max() for row in columns]
  assert set(reaches[::2]) == {3, 4, 5}  # 2, and 1-3 pixels of the coat
  # The middle of the bag is 6-9 columns away, its side 2-4 more.
  assert min(reaches[1::2]) == 8 and max(reaches[1::2]) == 13
  assert (dressed.sum((1, 2, 3)) > clip.sum()).all()
  # Nothing above the shoulders or below the hem.
  rows = (dressed != clip).any(axis=(0, 1, 3))
  assert np.flatnonzero(rows)[[0, -1]].tolist() == [9, 49]


def test_dress_draws_both_sides_and_both_heights():
  clip = _clip(1, 30, 35)
  dressed = _dress(np.stack([clip] * 400))[1::2, 0].copy()
  dressed[:, :, 27:38] = 0  # the coat is at most 11 pixels wide
  left, right = dressed[..., :27].any((1, 2)), dressed[..., 38:].any((1, 2))
  assert (left ^ right).all() and 0.4 < left.mean() < 0.6
  rows = [np.flatnonzero(bag.any(axis=1)).mean() for bag in dressed]
  low = np.array(rows) > 25
  assert 0.4 < low.mean() < 0.6
  assert min(rows) > 14 and max(rows) < 39
  assert abs(np.corrcoef(low, right)[0, 1]) < 0.25


def test_dress_has_draws_for_each_clip_and_leaves_blank_frames():
  clip = _clip(3)
  clip[1] = 0
  clips = np.stack([clip] * 20)
  dressed = _dress(clips)
  assert not dressed[:, 1].any()
  assert len(np.unique(dressed[::2], axis=0)) > 5
  np.testing.assert_array_equal(_dress(clips[:3]), dressed[:3])
  assert (_dress(clips, seed=1) != dressed).any()
  assert dressed.dtype == np.uint8
