"""The weights that come with the package: found, small, worth something."""

import numpy as np
import pytest

import selfgait_jax
from selfgait_jax import errors
from selfgait_jax.data.walkers import walkers
from selfgait_jax.run import packaged

MOST_BYTES = 3_000_000


def test_they_are_small():
  sizes = [f.stat().st_size for f in packaged.FOLDER.rglob('*') if f.is_file()]
  assert 0 < sum(sizes) < MOST_BYTES


def test_they_tell_walkers_apart():
  embedder = selfgait_jax.load_embedder('walkers')
  people = [f'packaged-{n}' for n in range(6)]
  gallery, probes = (
    embedder.embed(
      [walkers.render_sequence(who, walk, '090', 20, seed=9) for who in people]
    )
    for walk in ('nm-01', 'nm-05')
  )
  distance = selfgait_jax.retrieval.pairwise_distance(probes, gallery)
  right = np.argmin(distance, axis=1) == np.arange(len(people))
  assert right.sum() >= 4


def test_a_folder_of_that_name_needs_a_dot(tmp_path, monkeypatch):
  """`selfgait walkers --out=walkers` is how people start."""
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'walkers').mkdir()
  assert packaged.find('walkers') == packaged.FOLDER / 'walkers'
  with pytest.raises(errors.UserError, match='found none'):
    selfgait_jax.load_embedder('./walkers')


@pytest.mark.parametrize('name', ['', '.', '..', '../weights/walkers', 'none'])
def test_other_names_are_paths(name, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(errors.UserError):
    selfgait_jax.load_embedder(name)
