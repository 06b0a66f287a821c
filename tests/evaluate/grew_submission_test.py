"""The file that GREW's makers score, against a sort in plain NumPy."""

import csv

import numpy as np
import pytest

from selfgait_jax.configs import grew
from selfgait_jax.data import sequences
from selfgait_jax.evaluate import grew_submission


@pytest.mark.parametrize('rerank', [False, True])
def test_submission_lists_the_nearest_twenty(tmp_path, rerank):
  rng = np.random.default_rng(0)
  subjects = [f'{n:05d}' for n in rng.permutation(6000)[:15]]
  keys = [(s, c, f'view{s}{c}') for s in subjects for c in ('01', '02')]
  keys += [('probe', '03', view) for view in ('Bx', 'ay', 'Cz')]
  keys += [('00001train', '00', 'zz')]
  clips = np.zeros((1, 64, 64), np.uint8)
  test = sequences.from_records([(*key, clips) for key in keys], 'grew')
  embeddings = rng.standard_normal((len(keys), 2, 3))
  config = grew.get_config()
  config.eval.rerank = rerank
  grew_submission.write(config, tmp_path, embeddings, test)
  with open(tmp_path / 'GREW_submission.csv', newline='') as file:
    header, *rows = csv.reader(file)
  assert header == ['videoId', *(f'rank{n}' for n in range(1, 21))]
  assert [row[0] for row in rows] == ['Bx', 'ay', 'Cz']
  for row, probe in zip(rows, embeddings[30:33], strict=True):
    distance = np.linalg.norm(embeddings[:30] - probe, axis=-1).mean(axis=-1)
    nearest = np.argsort(distance)[:20]
    expected = [str(int(keys[n][0])) for n in nearest]
    assert (row[1:] == expected) != rerank
    assert len(row) == 21 and set(row[1:]) <= {str(int(s)) for s in subjects}
