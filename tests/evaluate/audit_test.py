"""The audit counts pairs as a loop over all pairs does."""

import dataclasses
import itertools

import numpy as np
import pytest

from selfgait_jax.data import sequences
from selfgait_jax.evaluate import audit
from selfgait_jax.run.pseudo_labels import Round


def people():
  """Four subjects, three walks of different clothing, two cameras."""
  rng = np.random.default_rng(0)
  records = [
    (subject, condition, view, rng.integers(0, 255, (2, 4, 4), np.uint8))
    for subject in '1234'
    for condition in ('nm-01', 'nm-02', 'cl-01')
    for view in ('000', '090')
  ]
  return sequences.from_records(records, 'casia_b')


def by_loop(labels, subjects, kinds):
  pairs = list(itertools.combinations(range(len(labels)), 2))
  same = lambda i, j: labels[i] == labels[j] and labels[i] >= 0
  right = [p for p in pairs if subjects[p[0]] == subjects[p[1]]]
  crossing = [(i, j) for i, j in right if {kinds[i], kinds[j]} == {'nm', 'cl'}]
  claimed = [p for p in pairs if same(*p)]
  return {
    'precision': sum(p in right for p in claimed) / len(claimed),
    'recall': sum(same(*p) for p in right) / len(right),
    'recall/nm-cl': sum(same(*p) for p in crossing) / len(crossing),
  }


@pytest.mark.parametrize('setting', ['strict', 'synchronised'])
def test_pairs(setting):
  found = people()
  rng = np.random.default_rng(1)
  walk = np.arange(len(found)) // 2
  labels = rng.integers(-1, 4, 12)[walk].astype(np.int32)
  if setting == 'strict':
    labels = rng.integers(-1, 4, len(found)).astype(np.int32)
  order = rng.permutation(len(found))  # as an anonymous set has them
  stored = Round(found.hashes[order], found.views[order], labels[order], 0.5, 0)
  (result,) = audit.audit({7: stored}, found, setting)
  once = np.arange(0, len(found), 2 if setting == 'synchronised' else 1)
  kinds = np.array([name[:2] for name in found.conditions])
  expected = by_loop(labels[once], found.subjects[once], kinds[once])
  for name, value in expected.items():
    assert result[name] == pytest.approx(value), name
  assert result['step'] == 7 and result['classes'] == 4
  assert result['share'] == pytest.approx((labels >= 0).mean())


def test_labels_that_are_cameras():
  found = people()
  labels = (found.views == '090').astype(np.int32)
  stored = Round(found.hashes, found.views, labels, 0.5, 0)
  (result,) = audit.audit({0: stored}, found, 'strict')
  assert result['cameras'] == pytest.approx(1)
  assert result['precision'] < 0.3


def test_own_clips_without_a_name_are_left_out():
  found = dataclasses.replace(people(), name='own')
  names = np.where(found.subjects == '1', '1', 'unlabelled')
  labels = np.zeros(len(found), np.int32)
  stored = Round(found.hashes, found.views, labels, 0.5, 0)
  some = dataclasses.replace(found, subjects=names)
  (result,) = audit.audit({0: stored}, some, 'strict')
  assert result['precision'] == result['recall'] == 1
  none = dataclasses.replace(found, subjects=np.full(len(found), 'unlabelled'))
  assert audit.audit({0: stored}, none, 'strict') == []
