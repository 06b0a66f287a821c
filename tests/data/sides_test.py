"""What of the data is read, and how often."""

import numpy as np
import pytest

from configs import default
from selfgait_jax.data import datasets, loading, sequences


@pytest.mark.parametrize('shared, reads', [(False, 2), (True, 1)])
def test_every_subject_is_read_once(shared, reads, monkeypatch):
  """With `reference.partition` both sides want the same subjects."""
  asked = []

  def load(config, subjects):
    asked.append(subjects)
    clip = np.zeros((2, 64, 64), np.uint8)
    names = [(s, 'nm-01', '090', clip) for s in subjects]
    return sequences.from_records(names, config.data.name)

  monkeypatch.setattr(loading.loading, 'load', load)
  config = default.get_config()
  config.reference.partition = shared
  read = loading.loader(config)
  found_sides = [read(side) for side in ('train', 'test', 'train')]
  assert len(asked) == reads
  assert found_sides[0] is found_sides[2]
  assert (found_sides[0].frames is found_sides[1].frames) == shared
  found = np.concatenate([found_sides[0].subjects, found_sides[1].subjects])
  assert sorted(found) == sorted(datasets.CASIA_B.subjects)
