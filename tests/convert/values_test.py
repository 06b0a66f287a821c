"""Weights that no network can have learnt are refused by name."""

import numpy as np
import pytest
import state_dicts

from selfgait_jax import errors
from selfgait_jax.convert import values

KERNEL = 'Backbone.forward_block.layer2.0.conv1.weight'
VARIANCE = 'Backbone.forward_block.bn1.running_var'


def _set(value):
  def change(array):
    array.flat[-1] = value
    return array

  return change


def _as(dtype):
  return lambda array: array.astype(dtype)


WRONG = {
  'nan': (KERNEL, _set(np.nan), '1 of 72 numbers NaN'),
  'infinite': (KERNEL, _set(-np.inf), '1 of 72 numbers infinite'),
  'variance': (VARIANCE, _set(-0.1), '1 of 2 numbers negative'),
  'complex': (KERNEL, _as('complex64'), 'found complex64 numbers'),
  'boolean': (KERNEL, _as('bool'), 'found bool numbers'),
  'integer': (KERNEL, _as('int8'), 'found int8 numbers'),
}


@pytest.mark.parametrize('name', WRONG)
def test_impossible_weights_are_refused(name):
  key, change, words = WRONG[name]
  _, _, rules, tensors = state_dicts.make('gaitbase')
  values.check(tensors, rules)
  changed = tensors | {key: change(tensors[key].copy())}
  with pytest.raises(errors.UserError) as caught:
    values.check(changed, rules)
  assert words in str(caught.value) and key in str(caught.value)


@pytest.mark.parametrize('name', ['nan', 'complex'])
def test_the_command_refuses_them(convert, make_file, tmp_path, name):
  key, change, words = WRONG[name]
  alter = lambda tensors: tensors.update({key: change(tensors[key].copy())})
  *_, given = make_file('gaitbase', change=alter)
  status, _, err = convert(*given)
  assert status == 1 and words in err and key in err
  assert not (tmp_path / 'out').exists()


def test_other_tensors_may_hold_anything():
  """Counters of batches are integers, and the network does not read them."""
  _, _, rules, tensors = state_dicts.make('gaitbase')
  values.check(tensors | {'other': np.array([np.nan])}, rules)
