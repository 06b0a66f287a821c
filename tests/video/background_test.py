"""The background segmenter finds the pixels of people, in noise and all."""

import filmed
import numpy as np
import pytest

from selfgait_jax.data.walkers import film
from selfgait_jax.video import background, people, reading

LEAST_OVERLAP = 0.85  # mean intersection over union with the true masks


def overlap(path, truth):
  """Mean IoU in the frames in which everybody is seen, and is whole."""
  video = reading.open_video(path)
  segment = background.Background(video)
  found = []
  for frame, mask in zip(video, truth, strict=True):
    seen = np.zeros_like(mask)
    for blob in people.find(segment(frame)):
      top, left, bottom, right = blob.box
      seen[top:bottom, left:right] |= blob.mask > 0
    if mask.sum() > 0.9 * truth.sum((1, 2)).max() / 2 and not (
      mask[:, 0].any() or mask[:, -1].any()
    ):
      found.append((seen & mask).sum() / (seen | mask).sum())
  assert len(found) > len(truth) / 3
  return np.mean(found)


@pytest.fixture(scope='module')
def masks():
  """One and two walkers at half the size and for a while, to save time."""
  return {
    'one': film.masks('a', 'nm-01', 0)[20:110, ::2, ::2],
    'two': filmed.passing('a', 'b').any(0)[20:110, ::2, ::2],
  }


@pytest.mark.parametrize(
  ('people', 'name', 'codec', 'rate', 'trouble'),
  [
    ('one', 'a.mp4', 'mp4v', 25, {}),
    pytest.param(
      *('two', 'a.avi', 'MJPG', 30),
      {'noise': 8, 'sway': 3, 'light': 'drift'},
      marks=pytest.mark.slow,
    ),
    ('one', 'a.mp4', 'mp4v', 30, {'light': 'jump'}),
  ],
  ids=['quiet', 'noise, sway and drift', 'a lamp goes out'],
)
def test_masks_are_the_true_ones(
  masks, tmp_path, people, name, codec, rate, trouble
):
  frames = filmed.scene(masks[people], **trouble)
  path = filmed.write(tmp_path / name, frames, rate, codec)
  assert overlap(path, masks[people]) > LEAST_OVERLAP


@pytest.mark.slow
@pytest.mark.parametrize('people', [1, 2])
@pytest.mark.parametrize(
  ('trouble', 'kind'),
  [
    ({}, 'a.mp4 mp4v 25'),
    ({'noise': 15}, 'a.avi MJPG 30'),
    ({'sway': 4}, 'a.mp4 mp4v 30'),
    ({'light': 'drift'}, 'a.avi XVID 25'),
    ({'light': 'jump'}, 'a.mp4 mp4v 25'),
    ({'noise': 8, 'sway': 4, 'light': 'drift'}, 'a.mp4 mp4v 25'),
    ({'noise': 8, 'sway': 4, 'light': 'jump'}, 'a.avi MJPG 25 odd'),
  ],
  ids=str,
)
def test_masks_are_the_true_ones_at_full_size(tmp_path, people, trouble, kind):
  masks = film.masks('a', 'nm-01', 0)
  if people == 2:
    masks = filmed.passing('a', 'b').any(0)
  name, codec, rate, *odd = kind.split()
  if odd:
    masks = masks[:, 1:, 1:]
  frames = filmed.scene(masks, **trouble)
  path = filmed.write(tmp_path / name, frames, int(rate), codec)
  found = overlap(path, masks)
  print(f'{found:.3f}')
  assert found > LEAST_OVERLAP


def test_somebody_who_is_there_from_the_start_is_found(masks, tmp_path):
  truth = masks['one'][20:]
  path = filmed.write(tmp_path / 'a.mp4', filmed.scene(truth))
  assert overlap(path, truth) > LEAST_OVERLAP


def test_light_may_change_after_the_background_was_learned(
  masks, tmp_path, monkeypatch
):
  monkeypatch.setattr(background, 'SECONDS', 1)
  frames = filmed.scene(masks['one'], light='late dusk')
  path = filmed.write(tmp_path / 'a.mp4', frames)
  assert overlap(path, masks['one']) > LEAST_OVERLAP


def test_a_picture_that_changes_all_over_shows_nobody(tmp_path):
  empty = np.zeros((40, 120, 160), bool)
  dark = [np.full((120, 160, 3), 60, np.uint8)] * 20
  path = filmed.write(tmp_path / 'a.mp4', [*filmed.scene(empty), *dark])
  video = reading.open_video(path)
  segment = background.Background(video)
  assert not any(segment(frame).any() for frame in video)
