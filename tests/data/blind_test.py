"""Label-free training knows nothing but what its setting allows."""

import dataclasses

import ml_collections
import numbered
import numpy as np
import pytest

from selfgait_jax.data import blind, splits


def renamed(sequences, seed, by_walk=True):
  """The same recordings under other names, sorted anew by these."""
  rng = np.random.default_rng(seed)
  if by_walk:
    walks = np.char.add(sequences.subjects, sequences.conditions)
    names, walk_of = np.unique(walks, return_inverse=True)
    order = rng.permutation(len(names))[walk_of]
    conditions = np.array([f'{n % 3:02d}' for n in order])
    subjects = np.array([f'{n // 3:03d}' for n in order])
  else:
    order = rng.permutation(len(sequences))
    subjects = np.array([f'{n:04d}' for n in order])
    conditions = np.full(len(sequences), 'x')
  other = dataclasses.replace(
    sequences, subjects=subjects, conditions=conditions
  )
  rows = np.lexsort((other.views, other.conditions, other.subjects))
  return other.select(rows)


def hidden(sequences, setting):
  subset = splits.Subset(np.arange(len(sequences)), np.arange(0), {})
  return splits.hide(sequences, subset, setting)


@pytest.mark.parametrize(
  ('setting', 'by_walk'),
  [('strict', True), ('strict', False), ('synchronised', True)],
)
def test_names_change_nothing(setting, by_walk):
  first = numbered.sequence_set(6)
  second = renamed(first, 1, by_walk)
  assert list(second.starts) != list(first.starts)  # another order
  (one, rows), (other, _) = (hidden(x, setting) for x in (first, second))
  for field in ('subjects', 'conditions', 'views', 'lengths', 'pixels'):
    np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
  for row in range(len(one)):
    np.testing.assert_array_equal(one[row], other[row])
  np.testing.assert_array_equal(rows.unlabelled, np.arange(len(one)))


def test_what_each_setting_knows():
  sequences = numbered.sequence_set(3)
  known, _ = hidden(sequences, 'synchronised')
  assert len(set(known.subjects)) == 3 * 4  # walks
  assert set(known.conditions) == {''}
  assert set(known.views) == set(sequences.views)
  nothing, _ = hidden(sequences, 'strict')
  assert len(set(nothing.subjects)) == len(sequences)


def test_the_order_tells_no_subject():
  sequences = numbered.sequence_set(20)
  order = blind.order(sequences, np.arange(len(sequences)))
  place = np.argsort(order)
  moved = np.corrcoef(place, np.arange(len(place)))[0, 1]
  assert abs(moved) < 0.3


@pytest.mark.parametrize(
  ('stage', 'setting'),
  [
    ({'objective': 'supervised'}, ''),
    ({'objective': 'joint', 'pairs': 'same_clip'}, ''),
    ({'objective': 'two_view', 'pairs': 'same_clip'}, 'strict'),
    ({'objective': 'two_view', 'pairs': 'synchronised_views'}, 'synchronised'),
    ({'objective': 'clusters', 'setting': 'synchronised'}, 'synchronised'),
  ],
)
def test_setting_of_a_stage(stage, setting):
  assert blind.setting_of(ml_collections.ConfigDict(stage)) == setting
