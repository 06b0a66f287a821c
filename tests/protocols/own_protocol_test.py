"""own/1 against counts in plain Python."""

import numpy as np
import pytest

from selfgait_jax import errors, protocols, retrieval


@pytest.fixture(autouse=True)
def several_blocks(monkeypatch):
  monkeypatch.setattr(retrieval, 'HOST_BLOCK', 60)


def random_set(seed):
  """Any names; some people have one recording, in one or several views."""
  rng = np.random.default_rng(seed)
  keys = [
    (subject, walk, view)
    for subject in ('anna', 'bo "b"', 'ça', 'd-1', 'e')
    for walk in ('coat', 'walk-2', 'walk 10')[: 1 + (subject != 'e') * 2]
    for view in ('all', 'left')
    if subject == 'e' or rng.random() < 0.8
  ]
  return rng.standard_normal((len(keys), 2, 3)), *np.array(keys).T


@pytest.mark.parametrize('seed', range(3))
def test_every_other_recording_is_gallery(seed):
  embeddings, subjects, walks, views = data = random_set(seed)
  result = protocols.evaluate('own', *data)
  first, precision, alone = [], [], 0
  for i in range(len(subjects)):
    others = [
      (np.linalg.norm(embeddings[i] - embeddings[j], axis=-1).mean(), j)
      for j in range(len(subjects))
      if subjects[j] != subjects[i] or walks[j] != walks[i]
    ]
    hits = [subjects[j] == subjects[i] for _, j in sorted(others)]
    if not any(hits):
      alone += 1
      continue
    ranks = 1 + np.flatnonzero(hits)
    first.append(ranks[0])
    precision.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
  metrics, counts = result['metrics'], result['counts']
  assert result['protocol'] == 'own/1' and alone >= 2
  assert counts['all/probes_without_other_recording'] == alone
  assert counts['all/probes'] == counts['all/gallery'] == len(subjects)
  for k in (1, 5):
    expected = 100 * np.mean(np.array(first) <= k)
    assert metrics[f'all/rank{k}'] == pytest.approx(expected)
  assert metrics['all/mAP'] == pytest.approx(100 * np.mean(precision))
  assert 0 <= metrics['all/eer'] <= 100 and 'views' not in metrics


def test_the_own_recording_never_helps():
  """Two views of one recording at distance 0, people at random."""
  embeddings, subjects, walks, views = random_set(0)
  keys = np.array([f'{s}/{w}' for s, w in zip(subjects, walks, strict=True)])
  same = np.unique(keys, return_inverse=True)[1]
  embeddings = np.random.default_rng(1).standard_normal((99, 2, 3))[same]
  found = protocols.evaluate('own', embeddings, subjects, walks, views)
  assert found['metrics']['all/rank1'] < 70


def test_one_recording_a_person_cannot_be_scored():
  subjects, walks = ['a', 'b', 'b'], ['1', '1', '1']
  with pytest.raises(errors.UserError, match='two recordings'):
    protocols.evaluate(
      'own', np.ones((3, 1, 1)), subjects, walks, ['x', 'x', 'y']
    )
