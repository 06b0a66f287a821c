"""Published figures stand only beside rows of the same protocol and split."""

import pathlib
import re

import pytest

import selfgait_jax
from selfgait_jax.report import published, scores

ZOO = pathlib.Path(selfgait_jax.__file__).parents[1] / 'docs/model_zoo.md'
SAME = {
  'protocol': 'casiab/1',
  'data': {'name': 'casia_b', 'partition': 'standard'},
  'counts': {'subjects': 50},
}
ALL = [figure for known in published._SETS for figure in known.figures]


@pytest.mark.parametrize(
  ('change', 'count'),
  [
    ({}, 5),
    ({'protocol': 'casiab/1+rerank'}, 0),
    ({'protocol': 'casiab_cross_view/1'}, 0),
    ({'protocol': 'casiab/2'}, 0),
    ({'data': {'name': 'synthetic_gait', 'partition': 'standard'}}, 0),
    ({'data': {'name': 'casia_b', 'partition': 'development'}}, 0),
    ({'data': {}}, 0),
    ({'counts': {'subjects': 49}}, 0),
    ({'counts': {}}, 0),
  ],
)
def test_protocol_split_and_subjects_must_agree(change, count):
  assert len(published.beside(SAME | change)) == count


def test_the_chart_has_them_and_their_sources():
  rows = {'ours': {f'{g}/rank1': 50.0 for g in ('nm', 'bg', 'cl')}}
  found = SAME | {
    'rows': rows, 'metrics': rows['ours'], 'baselines': {}, 'origins': {},
  }  # fmt: skip
  text = scores.section(found)
  assert text.count('class="published"') == 3 * 5
  assert '>GaitBase, published<' in text and '>97.6<' in text
  for source in (published.OPENGAIT, published.MCL):
    assert source in text


@pytest.mark.parametrize('figure', ALL, ids=lambda f: f'{f.network} {f.rank1}')
def test_they_are_those_of_the_model_zoo(figure):
  lines = [
    line for line in ZOO.read_text().splitlines() if line.startswith('|')
  ]
  lines = [re.sub(r' \(M\)', '', line) for line in lines]
  numbers = [str(value) for value in figure.rank1.values()]
  assert any(
    line.split('|')[1].strip() == figure.network
    and all(number in line.split('|')[2] for number in numbers)
    for line in lines
  ), figure
