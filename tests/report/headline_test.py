"""The sentence says what came out, against the floors."""

import re

import pytest

from selfgait_jax.report import headline

FREE = 'label-free identities (synchronised)'
LABELS = 'all labels, from scratch'


def results(rows, main=None, floors=(20.0, 44.0)):
  """Rank-1 of normal walks of each row, after the floors."""
  baselines = {
    key: {'nm/rank1': value, 'bg/rank1': 1.0}
    for key, value in zip(('random_init', 'gei'), floors, strict=False)
  }
  found = dict(baselines)
  found |= {t: {'nm/rank1': v, 'bg/rank1': v / 2} for t, v in rows.items()}
  return {
    'protocol': 'casiab/1',
    'metrics': found[main or list(rows)[-1]],
    'rows': found,
    'baselines': baselines,
    'origins': {},
    'counts': {'subjects': 20, 'nm/probes': 440},
    'study': [],
  }


def sentences(found):
  text = re.sub('</p>', ' ', headline.write(found))
  return re.sub('<[^>]*>', '', text).strip()


def test_label_free_beside_both_floors():
  assert sentences(results({FREE: 55.8})) == (
    'Label-free identities (synchronised) finds the right person for 55.8 % of '
    'normal walks, 36 points above an untrained network and 12 above linear '
    'algebra. Counted on 440 probes of 20 people. Of walks with a bag 27.9 %.'
  )


def test_what_is_worse_than_a_floor_says_so():
  found = sentences(results({FREE: 42.9}))
  assert '23 points above an untrained network and 1 below' in found
  found = sentences(results({FREE: 21.2}, floors=(20.0,)))
  assert found.startswith('Label-free') and '1 point above an untr' in found


def test_the_row_without_labels_comes_first_and_the_others_follow():
  found = sentences(results({FREE: 55.0, LABELS: 66.0}))
  assert found.startswith('Label-free identities')
  assert found.endswith(f'Other networks, of normal walks: {LABELS} 66.0 %.')


def test_the_checkpoint_says_whether_there_were_labels():
  found = results({'pretraining': 50.0, LABELS: 66.0})
  assert sentences(found).startswith('All labels, from scratch')
  found['origins'] = {'pretraining': {'objective': 'two_view'}}
  assert sentences(found).startswith('Pretraining finds')


def test_the_last_row_without_labels_is_taken_not_the_best():
  found = results({FREE: 55.8, f'{FREE} (2)': 50.0})
  assert '50.0 % of' in sentences(found)


def test_without_floors_there_is_no_comparison():
  found = sentences(results({LABELS: 66.0}, floors=()))
  assert 'for 66.0 % of normal walks. ' in found


@pytest.mark.parametrize('rows', [{}, {LABELS: None}])
def test_without_a_score_there_is_no_sentence(rows):
  found = results({LABELS: 1.0}) | {'rows': {}, 'metrics': {}}
  found['rows'] = {t: {'nm/rank1': v} for t, v in rows.items()}
  assert headline.write(found) == ''


def test_a_study_compares_its_arms_at_the_fewest_labels():
  cell = lambda arm, labelled, value: {
    'arm': arm,
    'labelled': labelled,
    'metrics': {'nm/rank1': value},
  }
  cells = [cell('scratch', 4, 20.0), cell('scratch', 4, 30.0)]
  cells += [cell('strict', 0, 50.0), cell('strict', 4, 60.0)]
  found = results({LABELS: 1.0}) | {'study': cells}
  assert sentences(found) == (
    'With 4 labelled people, the right person is found for this share of '
    'normal walks: strict 60.0 %; scratch 25.0 %.'
  )
