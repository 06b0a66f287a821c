"""Published figures, beside rows of the same protocol and split."""

from collections.abc import Mapping
from typing import Any, NamedTuple

OPENGAIT = 'OpenGait, model zoo (commit 0efafd47)'
MCL = 'README of MCL (Hansmsy/Multi-view-Consistency-loss)'


class Figure(NamedTuple):
  """Rank-1 in percent by probe group, and where it was published."""

  network: str
  rank1: Mapping[str, float]
  source: str


class _Set(NamedTuple):
  """Figures, and the result that they may stand beside."""

  protocol: str
  data: str
  partitions: tuple[str, ...]
  subjects: int
  figures: tuple[Figure, ...]


def _casia_b(network, nm, bg, cl, source=OPENGAIT):
  return Figure(network, {'nm': nm, 'bg': bg, 'cl': cl}, source)


def _all(network, rank1, source=OPENGAIT):
  return Figure(network, {'all': rank1}, source)


# Those of docs/model_zoo.md. GREW's are of a hidden test set, which no result
# here is counted on.
_SETS = (
  _Set(
    'casiab/1',
    'casia_b',
    ('standard', 'CASIA-B.json'),
    50,
    (
      _casia_b('GaitSet', 95.8, 90.0, 75.4),
      _casia_b('GaitPart', 96.1, 90.7, 78.7),
      _casia_b('GaitGL', 97.4, 94.5, 83.8),
      _casia_b('GaitBase', 97.6, 94.0, 77.4),
      _casia_b('GaitBase + MCL', 98.2, 94.0, 77.6, MCL),
    ),
  ),
  _Set(
    'gait3d/1',
    'gait3d',
    ('Gait3D.json',),
    1000,
    (
      _all('GaitSet', 36.7, MCL),
      _all('GaitBase', 64.6),
      _all('GaitBase + MCL', 66.6, MCL),
      _all('DeepGaitV2-P3D', 74.4),
      _all('DeepGaitV2-P3D + interval sampling', 75.5, MCL),
    ),
  ),
  _Set(
    'oumvlp/1',
    'ou_mvlp',
    ('standard', 'OUMVLP.json'),
    5154,
    (
      _all('GaitSet', 87.2),
      _all('GaitPart', 88.6),
      _all('GaitGL', 89.9),
      _all('GaitBase', 90.8),
      _all('DeepGaitV2-3D', 92.0),
    ),
  ),
)


def beside(results: Mapping[str, Any]) -> tuple[Figure, ...]:
  """The figures of the same protocol, split and number of test subjects."""
  data = results['data']
  for known in _SETS:
    if (
      results['protocol'] == known.protocol
      and data.get('name') == known.data
      and data.get('partition') in known.partitions
      and results['counts'].get('subjects') == known.subjects
    ):
      return known.figures
  return ()


def figure(data: str, network: str) -> Figure:
  """The figure of a network on a data set, such as 'casia_b'."""
  (known,) = (one for one in _SETS if one.data == data)
  (found,) = (one for one in known.figures if one.network == network)
  return found
