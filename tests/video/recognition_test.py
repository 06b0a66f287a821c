"""People are recognised from videos about as well as from true masks."""

import itertools

import filmed
import numpy as np
import pytest

import selfgait_jax
from selfgait_jax import retrieval
from selfgait_jax.data.prepare import alignment
from selfgait_jax.data.walkers import film
from selfgait_jax.video import background, extract, folder, reading

PEOPLE = 40
TROUBLES = (
  {},
  {'noise': 8},
  {'sway': 3},
  {'light': 'drift'},
  {'noise': 5, 'sway': 3, 'light': 'jump'},
)


@pytest.mark.slow
def test_rank_1_is_at_most_5_points_below_that_of_true_masks(tmp_path):
  truth, tracks = [], []
  troubles = itertools.cycle(TROUBLES)
  for walk in ('nm-01', 'nm-05'):  # gallery, probes
    for person in range(PEOPLE):
      name = f'{walk}-{person}'
      masks = film.masks(f'film {person}', walk, 0)[:, ::2, ::2]
      whole = ~(masks[:, :, 0] | masks[:, :, -1]).any(1) & masks.any((1, 2))
      frames = map(alignment.align, masks[whole])
      truth.append(np.stack([one for one in frames if one is not None]))
      path = filmed.write(
        tmp_path / f'{name}.mp4',
        filmed.scene(masks, **next(troubles), seed=person),
      )
      tracks.append(longest(path, tmp_path / name))
  embedder = selfgait_jax.load_embedder('walkers')
  rates = {}
  for name, clips in (('true masks', truth), ('videos', tracks)):
    found = embedder.embed(clips)
    distance = retrieval.pairwise_distance(found[PEOPLE:], found[:PEOPLE])
    right = np.asarray(distance).argmin(1) == np.arange(PEOPLE)
    rates[name] = 100 * right.mean()
  print(rates)
  assert rates['true masks'] > 300 / PEOPLE  # far above chance
  assert rates['videos'] >= rates['true masks'] - 5


def longest(path, where):
  """The silhouettes of the longest track of a video."""
  video = reading.open_video(path)
  kept = folder.VideoFolder(where, video, 'background')
  found = extract.extract(video, background.Background, kept, iter)
  best = max(found, key=lambda one: one.frames)
  (clip,) = selfgait_jax.read_clips(where / best.track)
  return clip.frames
