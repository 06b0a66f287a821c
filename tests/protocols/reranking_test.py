"""Re-ranking against sets and loops, as the paper defines it."""

import math

import numpy as np
import pytest

from selfgait_jax import errors, protocols, retrieval
from selfgait_jax.protocols import reranking


def slow(probes, gallery, k1=6, k2=6, weight=0.3):
  """Plain Python over all pairs: arXiv:1701.08398, equations 1 to 12."""
  everything = np.concatenate([probes, gallery]).astype(float)
  count = range(len(everything))
  plain = [
    [np.linalg.norm(x - y, axis=-1).mean() for y in everything]
    for x in everything
  ]
  plain = [[value / max(row) for value in row] for row in plain]
  order = [sorted(count, key=lambda j, row=row: row[j]) for row in plain]

  def reciprocal(i, k):
    return {j for j in order[i][: k + 1] if i in order[j][: k + 1]}

  vectors = []
  for i in count:
    members = reciprocal(i, k1)
    for j in reciprocal(i, k1):
      theirs = reciprocal(j, round(k1 / 2))
      if len(theirs & reciprocal(i, k1)) > 2 / 3 * len(theirs):
        members |= theirs
    total = sum(math.exp(-plain[i][j]) for j in members)
    vectors.append({j: math.exp(-plain[i][j]) / total for j in members})

  def average(i):
    nearest = [vectors[j] for j in order[i][:k2]]
    return [sum(v.get(j, 0) for v in nearest) / len(nearest) for j in count]

  means = [average(i) for i in count]
  found = np.zeros((len(probes), len(gallery)))
  for i in range(len(probes)):
    for j in range(len(gallery)):
      other = len(probes) + j
      pairs = list(zip(means[i], means[other], strict=True))
      jaccard = 1 - sum(map(min, pairs)) / sum(map(max, pairs))
      found[i, j] = weight * plain[i][other] + (1 - weight) * jaccard
  return found


def crowd(seed, subjects=5, each=6, parts=2, width=4):
  """Embeddings around centres, and their subjects, shuffled."""
  rng = np.random.default_rng(seed)
  names = rng.permutation(np.repeat(np.arange(subjects), each))
  centres = rng.standard_normal((subjects, parts, width))
  noise = rng.standard_normal((len(names), parts, width))
  return (centres[names] + 0.6 * noise).astype(np.float32), names


@pytest.mark.parametrize(('seed', 'probes'), [(0, 7), (1, 12), (2, 1)])
def test_equals_the_slow_loop(seed, probes, monkeypatch):
  monkeypatch.setattr(retrieval, 'HOST_BLOCK', 100)  # several blocks
  embeddings, _ = crowd(seed)
  sides = embeddings[:probes], embeddings[probes:]
  distances, expected = reranking.make(*sides), slow(*sides)
  blocks = retrieval.host_blocks(probes, len(sides[1]))
  found = np.concatenate([distances(rows) for rows in blocks])
  assert found.dtype == np.float32
  np.testing.assert_allclose(found, expected, atol=2e-6)
  plain = retrieval.pairwise_distance(*sides)
  order = np.argsort(found, axis=1) != np.argsort(plain, axis=1)
  assert order.any(), 'nothing was re-ranked'


def test_few_sequences_and_equal_ones_give_finite_distances():
  embeddings, _ = crowd(3)
  found = reranking.make(embeddings[:1], embeddings[1:3])(slice(0, 1))
  assert found.shape == (1, 2) and np.isfinite(found).all()
  same = np.ones((20, 1, 2), np.float32)
  found = reranking.make(same[:9], same[9:])(slice(0, 9))
  assert np.isfinite(found).all()


@pytest.mark.parametrize('protocol', ['oumvlp_cross_view', 'grew', 'gait3d'])
def test_protocols_with_one_gallery_rank_by_it(protocol):
  embeddings, names = crowd(4, each=8)
  subjects, rows = names.astype(str), np.arange(len(names))
  is_probe = rows % 3 == 0
  roles = ('02', '01') if protocol == 'grew' else ('00', '01')
  conditions = np.where(is_probe, *roles)
  views, listed = np.array(['000', '090'])[rows % 2], {}
  if protocol == 'gait3d':
    views = rows.astype(str)
    keys = zip(
      *(x[is_probe] for x in (subjects, conditions, views)), strict=True
    )
    listed = {'probes': ['-'.join(key) for key in keys]}
  result = protocols.evaluate(
    protocol, embeddings, subjects, conditions, views, rerank=True, **listed
  )
  assert result['protocol'] == f'{protocol}/1+rerank'
  distance = slow(embeddings[is_probe], embeddings[~is_probe])
  mates = subjects[is_probe][:, None] == subjects[~is_probe]
  if protocol == 'oumvlp_cross_view':
    own = views[is_probe][:, None] == views[~is_probe]
    distance[mates & own] = np.inf
  hits = mates[np.arange(len(mates)), distance.argmin(axis=1)]
  if protocol == 'oumvlp_cross_view':
    shares = [hits[views[is_probe] == view].mean() for view in ('000', '090')]
    expected = np.mean(shares)
  else:
    expected = hits.mean()
  assert result['metrics']['all/rank1'] == pytest.approx(100 * expected)


@pytest.mark.parametrize('protocol', ['casiab', 'oumvlp', 'sustech1k', 'ccpg'])
def test_protocols_with_many_galleries_refuse(protocol):
  embeddings, names = crowd(5)
  labels = [names.astype(str)] * 3
  with pytest.raises(errors.UserError, match='one gallery .* config.eval.rer'):
    protocols.evaluate(protocol, embeddings, *labels, rerank=True)
