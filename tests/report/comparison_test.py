"""Ours beside published figures: means, differences and verdicts."""

import pytest

from selfgait_jax.report import comparison, published

GAITSET = published.figure('casia_b', 'GaitSet')  # 95.8 / 90.0 / 75.4


def results(nm, bg, cl, partition='standard'):
  return {
    'protocol': 'casiab/1',
    'data': {'name': 'casia_b', 'partition': partition},
    'counts': {'subjects': 50},
    'metrics': {'nm/rank1': nm, 'bg/rank1': bg, 'cl/rank1': cl},
  }


@pytest.mark.parametrize(
  'found, verdict',
  [
    ([], 'not run'),
    ([results(95.0, 90.5, 75.0)], 'reproduced'),
    ([results(94.7, 90.5, 75.0)], 'below'),
    ([results(94.7, 90.0, 75.4), results(95.1, 90.0, 75.4)], 'reproduced'),
    ([results(95.8, 90.0, 75.4, 'development')], 'other data'),
  ],
)
def test_verdicts(found, verdict):
  row = comparison.Row('GaitSet', GAITSET, found)
  assert comparison.verdict(row, 1.0) == verdict
  assert verdict in comparison.table([row], 1.0)


def test_cells_hold_mean_spread_and_difference():
  found = [results(94.0, 90.0, 75.4), results(96.0, 90.0, 75.4)]
  text = comparison.table([comparison.Row('GaitSet', GAITSET, found)], 1.0)
  assert '95.0 ± 1.4 (95.8, -0.8)' in text and '90.0 ± 0.0 (90.0, +0.0)' in text
