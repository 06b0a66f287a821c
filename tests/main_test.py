"""What the runner of the stages reads, and how often."""

import numpy as np
import pytest

from configs import default
from selfgait_jax import main
from selfgait_jax.data import datasets, sequences


@pytest.mark.parametrize('shared, reads', [(False, 2), (True, 1)])
def test_every_subject_is_read_once(shared, reads, monkeypatch):
  """With `reference.partition` both sides want the same subjects."""
  asked = []

  def load(config, subjects):
    asked.append(subjects)
    clip = np.zeros((2, 64, 64), np.uint8)
    names = [(s, 'nm-01', '090', clip) for s in subjects]
    return sequences.from_records(names, config.data.name)

  monkeypatch.setattr(main.loading, 'load', load)
  config = default.get_config()
  config.reference.partition = shared
  read = main._loader(config)
  sides = [read(side) for side in ('train', 'test', 'train')]
  assert len(asked) == reads
  assert sides[0] is sides[2]
  assert (sides[0].frames is sides[1].frames) == shared
  found = np.concatenate([sides[0].subjects, sides[1].subjects])
  assert sorted(found) == sorted(datasets.CASIA_B.subjects)
