"""Pseudo-identities of made-up people, without their names."""

import dataclasses
import re

import crowd
import numpy as np
import pytest
from scipy import sparse

from selfgait_jax import errors
from selfgait_jax.discover import discovery, links, walks

K = {'neighbours': 5, 'averaged': 2, 'least': 2}


@pytest.mark.parametrize(
  ('setting', 'least'), [('synchronised', 0.9), ('strict', 0.5)]
)
def test_people_are_found(setting, least):
  z, sequences, subjects, _ = crowd.crowd()
  found = discovery.find(z, z[:, :2], sequences, setting, **K)
  precision, recall = crowd.precision_and_recall(found.labels, subjects)
  assert precision > 0.95 and recall > least
  slack = links.SLACK if setting == 'strict' else 0
  enough = max(found.agreement.values()) - slack
  good = [key for key, value in found.agreement.items() if value >= enough]
  assert found.threshold == max(good)
  assert found.classes == len(set(found.labels[found.labels >= 0]))


@pytest.mark.parametrize('setting', ['synchronised', 'strict'])
def test_clothes_are_seen_through_only_by_the_parts_they_leave_alone(setting):
  z, sequences, subjects, kinds = crowd.crowd()

  def joined(free):
    labels = discovery.find(z, free, sequences, setting, **K).labels
    same = (labels[:, None] == labels) & (labels >= 0)[:, None]
    pairs = (subjects[:, None] == subjects) & (kinds[:, None] != kinds)
    return same[pairs].mean()

  assert joined(z[:, :2]) > 0.5 > joined(z[:, 2:])


def test_strict_finds_people_with_one_camera():
  z, sequences, subjects, _ = crowd.crowd(cameras=1, walks=10)
  found = discovery.find(z, z[:, :2], sequences, 'strict', **K)
  precision, recall = crowd.precision_and_recall(found.labels, subjects)
  assert precision > 0.9 and recall > 0.4


def test_strict_does_not_read_walks():
  z, sequences, _, _ = crowd.crowd()
  shuffled = np.random.default_rng(1).permutation(sequences.subjects)
  other = dataclasses.replace(sequences, subjects=shuffled)
  first, second = (
    discovery.find(z, z[:, :2], x, 'strict', **K) for x in (sequences, other)
  )
  np.testing.assert_array_equal(first.labels, second.labels)
  assert first.threshold == second.threshold


def test_a_walk_has_one_pseudo_identity():
  z, sequences, _, _ = crowd.crowd(noise=0.6)
  labels = discovery.find(z, z, sequences, 'synchronised', **K).labels
  for walk in np.unique(sequences.subjects):
    assert len(set(labels[sequences.subjects == walk])) == 1


@pytest.mark.parametrize('setting', ['synchronised', 'strict'])
def test_noise_gives_a_sentence_or_little(setting):
  """Nothing to find: whatever is found must not be a crowd in one group."""
  z, sequences, _, _ = crowd.crowd(noise=50.0)
  try:
    labels = discovery.find(z, z, sequences, setting, **K).labels
  except errors.UserError as error:
    assert 'expected pseudo-identities of 2 or more among 288 sequences' in str(
      error
    )
  else:
    assert np.bincount(labels[labels >= 0]).max() < 150


def test_one_person_gives_a_sentence():
  z, sequences, _, _ = crowd.crowd(people=1)
  with pytest.raises(errors.UserError, match='in one group or none'):
    discovery.find(z, z, sequences, 'synchronised', **K)


def test_a_missing_camera_does_not_part_a_person():
  z, sequences, subjects, _ = crowd.crowd()
  kept = np.flatnonzero(np.random.default_rng(3).random(len(z)) < 0.8)
  found = discovery.find(
    z[kept], z[kept][:, :2], sequences.select(kept), 'synchronised', **K
  )
  precision, recall = crowd.precision_and_recall(found.labels, subjects[kept])
  assert precision > 0.95 and recall > 0.9


def test_large_groups_are_not_believed():
  """A chain of errors that joins everybody is left out of the candidates."""
  angle = np.linspace(0, np.pi, 300)  # each walk is like the next ones
  z = np.stack([np.cos(angle), np.sin(angle)], axis=1)[:, None]
  names = np.array([f'{n:03d}' for n in range(300)])
  tried = dict(walks.candidates(z, np.full(300, '000'), names, 3, 3))
  assert list(tried) == [0.4, 0.45]  # above, all 300 are one group
  for groups in tried.values():
    assert np.bincount(groups[groups >= 0], minlength=1).max() <= 15


def test_links_are_mutual_and_within_reach():
  z, sequences, subjects, _ = crowd.crowd()
  graph = links.link(z, z[:, :2], sequences.views)
  assert (graph != graph.T).nnz == 0 and graph.diagonal().sum() == 0
  first, second = graph.nonzero()
  assert (subjects[first] == subjects[second]).mean() > 0.95
  assert (sequences.views[first] != sequences.views[second]).any()


def test_links_by_chance_are_dropped():
  """Two crowds of links, and one link between them."""
  size = 12
  same = np.arange(2 * size) // size
  ends = np.argwhere(same[:, None] == same)
  ends = ends[ends[:, 0] != ends[:, 1]]
  ends = np.concatenate([ends, [[0, size], [size, 0]]])
  graph = sparse.csr_array((np.ones(len(ends)), ends.T), shape=(24, 24))
  settled = links.settle(graph)
  assert graph[0, size] and not settled[0, size]
  assert settled.nnz == graph.nnz - 2


def test_found_survives_json():
  found = discovery.Found(np.int32([0, -1, 1]), 0.5, {0.5: 0.9, 0.6: 0.8})
  again = discovery.Found.from_json(found.to_json())
  np.testing.assert_array_equal(again.labels, found.labels)
  assert again.labels.dtype == np.int32
  assert (again.threshold, again.agreement) == (0.5, {0.5: 0.9, 0.6: 0.8})


def test_rand_index_counts_minus_one_as_alone():
  assert discovery.rand_index(np.array([0, 0, -1]), np.array([1, 1, 0])) == 1
  assert discovery.rand_index(np.array([-1, -1]), np.array([0, 0])) == 0


@pytest.mark.parametrize(
  ('changes', 'setting', 'words'),
  [
    ({'views': ''}, 'strict', 'the camera of every sequence'),
    (
      {'subjects': None},
      'synchronised',
      'seen by two cameras or more, found no',
    ),
    ({}, 'synchronised', 'expected at least 100 walks, .* found 72'),
  ],
)
def test_data_without_identities(changes, setting, words):
  _, sequences, _, _ = crowd.crowd()
  count = len(sequences)
  alone = np.array([f'{n:08d}' for n in range(count)])
  other = {
    name: alone if value is None else np.full(count, value)
    for name, value in changes.items()
  }
  with pytest.raises(errors.UserError, match=words) as caught:
    discovery.check(dataclasses.replace(sequences, **other), setting, 50)
  assert re.fullmatch(r'expected .+, found .+; .+', str(caught.value))


def test_data_with_identities_passes():
  _, sequences, _, _ = crowd.crowd()
  discovery.check(sequences, 'synchronised', 8)
  alone = dataclasses.replace(sequences, views=np.full(len(sequences), '090'))
  discovery.check(alone, 'strict', 8)
