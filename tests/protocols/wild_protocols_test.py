"""SUSTech1K's, CCPG's and GREW's protocols against counts in plain Python."""

import numpy as np
import pytest

from selfgait_jax import protocols, retrieval


@pytest.fixture(autouse=True)
def several_blocks(monkeypatch):
  monkeypatch.setattr(retrieval, 'HOST_BLOCK', 60)


def random_set(conditions, views, seed=0, subjects=9):
  """A test set of random embeddings in which some sequences are missing."""
  rng = np.random.default_rng(seed)
  keys = [
    (f'{s:03d}', condition, view)
    for s in range(100, 100 + subjects)
    for condition in conditions
    for view in views
    if rng.random() < 0.85
  ]
  return rng.standard_normal((len(keys), 2, 3)), *np.array(keys).T


def rank_lists(data, probes, gallery, leave_out):
  """[(rank of each mate), ...] of every probe, by sorting in plain Python."""
  embeddings, subjects, *_ = data
  lists = []
  for i in probes:
    distance = [
      (np.linalg.norm(embeddings[i] - embeddings[j], axis=-1).mean(), j)
      for j in gallery
      if not leave_out(i, j)
    ]
    order = [subjects[j] for _, j in sorted(distance)]
    lists.append([r for r, s in enumerate(order, 1) if s == subjects[i]])
  return lists


def share(lists, k):
  """Of the probes, those with a mate among the k nearest."""
  return np.mean([bool(ranks) and ranks[0] <= k for ranks in lists])


def test_sustech1k_goes_by_parts_of_conditions():
  conditions = ['00-nm', '01-nm', '01-bg', '02-cl-nt', '05-nm', '04-uf-oc']
  views = ['000', '090-far', '180']
  data = random_set(conditions, views)
  result = protocols.evaluate('sustech1k', *data)
  groups = {
    'normal': ['01-nm'],
    'bag': ['01-bg'],
    'clothing': ['02-cl-nt'],
    'night': ['02-cl-nt'],
    'uniform': ['04-uf-oc'],
    'occlusion': ['04-uf-oc'],
    'overall': ['01-nm', '01-bg', '02-cl-nt', '04-uf-oc'],
  }
  found = {k.split('/')[0] for k in result['metrics'] if k.endswith('/rank1')}
  assert found == set(groups)
  _, _, names, cameras = data
  for group, members in groups.items():
    for k in (1, 5):
      cells = {}
      for v1 in views:
        for v2 in views:
          probes = np.flatnonzero(np.isin(names, members) & (cameras == v1))
          gallery = np.flatnonzero((names == '00-nm') & (cameras == v2))
          ranks = rank_lists(data, probes, gallery, lambda i, j: False)
          cells[v1, v2] = share(ranks, k)
      others = [100 * cell for (v1, v2), cell in cells.items() if v1 != v2]
      assert result['metrics'][f'{group}/rank{k}'] == pytest.approx(
        np.mean(others)
      )
  counts = result['counts']  # of groups that overlap, each sequence once
  assert counts['probes'] == np.isin(names, groups['overall']).sum()
  assert counts['unused'] == (names == '05-nm').sum()


def test_ccpg_leaves_the_own_camera_out():
  conditions = ['U0_D0', 'U0_D0_BG', 'U1_D0', 'U1_D1', 'U2_D2', 'U3_D3', 'x']
  data = random_set(conditions, ['01_0', '07_1', '07_2'])
  metrics = protocols.evaluate('ccpg', *data)['metrics']
  _, subjects, names, views = data
  cameras = np.char.partition(views, '_')[:, 0]
  own = lambda i, j: subjects[i] == subjects[j] and cameras[i] == cameras[j]
  roles = {
    'cl': (['U0_D0', 'U0_D0_BG'], ['U1_D1', 'U2_D2', 'U3_D3']),
    'dn': (['U1_D0'], ['U1_D1']),
    'bg': (['U0_D0_BG'], ['U0_D0']),
  }
  assert 'up/rank1' not in metrics, 'there is no U0_D3'
  for group, (probes, gallery) in roles.items():
    probes, gallery = (np.flatnonzero(np.isin(names, c)) for c in roles[group])
    ranks = rank_lists(data, probes, gallery, own)
    ranks = [r for r in ranks if r]
    for k in (1, 5, 20):
      found = metrics[f'{group}/rank{k}']
      assert found == pytest.approx(100 * share(ranks, k))
    inverse = np.mean([len(r) / r[-1] for r in ranks])
    assert metrics[f'{group}/mINP'] == pytest.approx(100 * inverse)
    precision = [
      np.mean([n / rank for n, rank in enumerate(r, 1)]) for r in ranks
    ]
    assert metrics[f'{group}/mAP'] == pytest.approx(100 * np.mean(precision))

    cells = {
      (c1, c2): share(
        rank_lists(
          data,
          probes[cameras[probes] == c1],
          gallery[cameras[gallery] == c2],
          lambda i, j: False,
        ),
        1,
      )
      for c1 in ('01', '07')
      for c2 in ('01', '07')
    }
    others = 50 * (cells['01', '07'] + cells['07', '01'])
    assert metrics[f'{group}/rank1_view_pairs'] == pytest.approx(others)
    assert metrics[f'{group}/rank1_all_views'] == pytest.approx(
      25 * sum(cells.values())
    )


def test_grew_counts_a_probe_without_gallery_as_a_miss():
  subjects = ['00001', '00001', '00002', '00002', '00003', 'probe']
  conditions = ['01', '02', '01', '02', '02', '03']
  embeddings = np.array([0, 0.1, 5, 5.1, 0.2, 9]).reshape(6, 1, 1)
  result = protocols.evaluate(
    'grew', embeddings, subjects, conditions, list('abcdef')
  )
  for k in (1, 5, 20):
    assert result['metrics'][f'all/rank{k}'] == pytest.approx(200 / 3)
  assert result['metrics']['all/mAP'] == 100
  counts = result['counts']
  assert (counts['subjects'], counts['gallery'], counts['unused']) == (3, 2, 1)
  assert counts['all/probes_without_mate'] == 1
