"""Networks are recognised by the keys of their state dicts."""

import pytest
import state_dicts

from selfgait_jax import errors
from selfgait_jax.convert import recognise


@pytest.mark.parametrize('case', state_dicts.CASES)
def test_each_network_is_recognised_by_its_keys(case):
  kind, _, _, tensors = state_dicts.make(case)
  model = recognise.KINDS[kind].model
  assert recognise.choose('auto', tensors)[0] == kind
  assert recognise.choose(model, tensors)[0] == kind
  assert recognise.choose(kind, tensors)[0] == kind
  other = 'gaitgl' if model != 'gaitgl' else 'gaitset'
  with pytest.raises(errors.UserError, match=f'found one of {model} .*has'):
    recognise.choose(other, tensors)


@pytest.mark.parametrize(
  'keys, words',
  [
    (['teacher_backbone.layer0.weight'], 'FoundationGait'),
    (
      ['Backbone.forward_block.feature.0.conv.weight', 'FCs.fc_bin'],
      'gaitbase_hid',
    ),
    (['layer0.0.weight', 'layer2.0.weight', 'transformer.a'], 'SwinGait'),
    (['set_layer1.forward_block.conv.weight', 'fc_bin'], 'frame network alone'),
    (['conv1.weight', 'fc.bias'], 'none of them (conv1.weight, fc.bias)'),
  ],
)
def test_networks_that_cannot_be_converted_are_named(keys, words):
  with pytest.raises(errors.UserError) as caught:
    recognise.choose('auto', keys)
  assert words in str(caught.value) and 'gaitset' in str(caught.value)
