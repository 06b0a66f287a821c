"""Pieces of a mask become people: some belong together, others do not."""

import numpy as np
import pytest

from selfgait_jax.video import people

HEIGHT, WIDTH = 360, 640


def mask_of(*boxes):
  """White boxes (top, left, bottom, right)."""
  mask = np.zeros((HEIGHT, WIDTH), np.uint8)
  for top, left, bottom, right in boxes:
    mask[top:bottom, left:right] = 255
  return mask


def boxes_of(mask):
  return sorted(tuple(map(int, blob.box)) for blob in people.find(mask))


def test_a_person_is_found_where_it_is():
  (blob,) = people.find(mask_of((100, 200, 300, 260)))
  assert tuple(blob.box) == (100, 200, 300, 260)
  assert blob.mask.shape == (200, 60) and (blob.mask == 255).all()
  assert blob.pixels == 12_000 and blob.is_person and not blob.cut


@pytest.mark.parametrize(
  ('pieces', 'whole'),
  [
    ([(100, 210, 130, 240), (135, 200, 300, 260)], (100, 200, 300, 260)),
    ([(100, 200, 190, 260), (195, 205, 300, 255)], (100, 200, 300, 260)),
    ([(100, 200, 300, 260), (190, 264, 210, 274)], (100, 200, 300, 274)),
  ],
  ids=['a head and a body', 'a body and legs', 'a body and a hand'],
)
def test_pieces_of_one_person_are_joined(pieces, whole):
  assert boxes_of(mask_of(*pieces)) == [whole]


def test_people_side_by_side_stay_apart():
  boxes = [(100, 200, 300, 260), (95, 264, 290, 320)]
  assert boxes_of(mask_of(*boxes)) == sorted(boxes)


def test_a_crumb_between_two_people_goes_to_one_of_them():
  boxes = [(100, 200, 300, 260), (95, 270, 290, 330)]
  crumb = (190, 263, 200, 269)
  assert boxes_of(mask_of(*boxes, crumb)) == [
    (95, 263, 290, 330), (100, 200, 300, 260),
  ]  # fmt: skip


def test_a_box_does_not_show_the_person_beside():
  """The box of one reaches over the other, the masks do not."""
  mask = mask_of(
    (100, 200, 300, 240), (280, 200, 300, 320), (100, 260, 270, 300)
  )
  one, other = sorted(people.find(mask), key=lambda blob: blob.box[1])
  assert one.mask.shape == (200, 120)
  assert (one.mask > 0).sum() == one.pixels == 200 * 40 + 20 * 80
  assert (other.mask > 0).sum() == other.pixels == 170 * 40


def test_small_holes_are_filled_and_large_ones_are_not():
  mask = mask_of((100, 200, 300, 260))
  mask[150:160, 220:230] = 0  # in a coat
  mask[200:280, 210:250] = 0  # between legs
  (blob,) = people.find(mask)
  assert blob.pixels == (blob.mask > 0).sum() == 200 * 60 - 80 * 40


def test_two_far_above_each_other_stay_apart():
  """Somebody farther from the camera stands higher in the picture."""
  boxes = [(10, 200, 110, 240), (150, 200, 340, 260)]
  assert boxes_of(mask_of(*boxes)) == sorted(boxes)


def test_noise_and_small_things_are_nobody():
  noise = np.random.default_rng(0).uniform(size=(HEIGHT, WIDTH)) < 0.02
  assert people.find(noise.astype(np.uint8) * 255) == []
  assert people.find(mask_of()) == []
  assert people.find(mask_of((100, 100, 140, 120))) == []  # a cat


def test_proportions_and_edges():
  proportions = lambda box: people.find(mask_of(box))[0].is_person
  assert proportions((100, 100, 300, 180))
  assert not proportions((100, 100, 300, 330))  # a car, or two who touch
  assert not proportions((100, 100, 300, 120))  # a door's edge
  for box, cut in (
    ((100, 0, 300, 60), True),
    ((100, 580, 300, 640), True),
    ((0, 100, 200, 160), False),
  ):
    assert people.find(mask_of(box))[0].cut == cut
