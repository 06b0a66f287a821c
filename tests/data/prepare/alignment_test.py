"""Alignment: as in the original, for masks of any size."""

import pathlib

import numpy as np
import pytest

from selfgait_jax.data.prepare import alignment

GOLDEN = pathlib.Path(__file__).parents[2] / 'golden' / 'pretreatment.npz'


def test_alignment_agrees_with_the_original():
  golden = np.load(GOLDEN)
  for raw, aligned in zip(golden['raw'], golden['aligned'], strict=True):
    ours = alignment.align(raw).astype(int)
    assert np.abs(ours - aligned).max() <= 1


def test_alignment_fills_the_height_and_centres_the_mass():
  mask = np.zeros((240, 320), np.uint8)
  mask[50:150, 300:318] = 255  # near the border
  aligned = alignment.align(mask)
  assert aligned.shape == (64, 64) and aligned.dtype == np.uint8
  assert aligned[0].any() and aligned[-1].any()
  mass = aligned.sum(0, dtype=int).cumsum()
  assert mass[31] <= mass[-1] / 2 < mass[32]


def test_a_mask_at_the_left_border_or_very_thin_is_kept():
  mask = np.zeros((240, 320), np.uint8)
  mask[:, :5] = 255  # the original drops frames that centre on column 0
  assert alignment.align(mask)[:, 32].all()
  assert alignment.align(mask[:, :1]).any()


def test_small_masks_are_left_out_and_masks_of_ones_are_not():
  mask = np.zeros((240, 320), np.uint8)
  mask[100:106, 100:106] = 255  # sums to 9,180
  assert alignment.align(mask) is None
  mask[50:150, 100:140] = 255
  ones = alignment.align((mask > 0).astype(np.uint8))
  np.testing.assert_array_equal(ones, alignment.align(mask))


def test_a_white_border_shows_what_is_no_silhouette():
  person = np.zeros((64, 64), np.uint8)
  person[:, 24:40] = 255  # touches the top and the bottom
  half_outside = np.zeros((100, 60), np.uint8)
  half_outside[5:, :25] = 255  # at the left and the bottom
  for mask in (person, half_outside, person * 0):
    assert not alignment.has_white_border(mask)
  assert alignment.has_white_border(255 - person)
  clip = np.stack([person, 255 - person, person * 0 + 255])
  found = alignment.has_white_border(clip)
  np.testing.assert_array_equal(found, [False, True, True])


@pytest.mark.parametrize('shape', [(1, 1), (1, 9), (9, 1), (2, 2)])
def test_the_smallest_masks_have_a_border(shape):
  assert alignment.has_white_border(np.full(shape, 255, np.uint8))
  assert not alignment.has_white_border(np.zeros(shape, np.uint8))
