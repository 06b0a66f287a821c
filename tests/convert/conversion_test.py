"""Conversion by a table changes layouts only, and back changes nothing."""

import jax
import ml_collections
import numpy as np
import pytest
import state_dicts

from selfgait_jax.convert import conversion
from selfgait_jax.models import factory


@pytest.mark.parametrize('case', state_dicts.CASES)
def test_there_and_back_is_exact(case):
  _, section, rules, tensors = state_dicts.make(case)
  variables = conversion.to_variables(tensors, rules)
  model = factory.make_model(ml_collections.ConfigDict(section))
  expected = factory.variable_shapes(model, 44)
  if 'target_params' in variables:
    expected |= {
      f'target_{name}': {
        module: tree[module]
        for module in model.target_modules
        if module in tree
      }
      for name, tree in expected.items()
    }
  size = lambda tree: jax.tree.map(lambda x: (x.shape, str(x.dtype)), tree)
  full = {name: tree for name, tree in expected.items() if tree}
  assert size(variables) == size(full)
  back = conversion.to_tensors(variables, rules)
  assert list(back) == list(tensors)
  for rule in rules:
    before, after = tensors[rule.key], back[rule.key]
    assert after.dtype == before.dtype and after.flags.c_contiguous, rule.key
    expected = before if rule.path else np.zeros_like(before)
    np.testing.assert_array_equal(after, expected, rule.key)
