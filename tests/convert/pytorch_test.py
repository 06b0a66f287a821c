"""The command against PyTorch itself: its modules and its optimisers.

Skipped unless torch is installed.
"""

import collections
import runpy

import jax
import numpy as np
import pytest
import resumed_stage
import small_run
import state_dicts

from selfgait_jax.convert import conversion, optimizer
from selfgait_jax.run import checkpointing

torch = pytest.importorskip('torch')
nn = torch.nn

SCRIPT = small_run.ROOT / 'scripts' / 'convert_checkpoint.py'
RATE, DECAY = 0.1, 0.01


@pytest.mark.parametrize('case', state_dicts.CASES)
def test_the_originals_containers_load_it_strictly(tmp_path, case):
  kind, _, rules, tensors = state_dicts.make(case)
  content = _content(kind, _containers(kind, tensors))
  torch.save(content, tmp_path / 'model.pt')
  _convert(
    f'--input={tmp_path / "model.pt"}',
    f'--output={tmp_path / "out"}',
    *state_dicts.options(case),
  )
  variables, _ = checkpointing.load_variables(str(tmp_path / 'out'))
  expected = conversion.to_variables(tensors, rules)
  for name in ('params', 'batch_stats'):
    state_dicts.assert_same(variables[name], expected.get(name, {}))
  _convert(f'--input={tmp_path / "out"}', f'--to-torch={tmp_path / "back.pt"}')
  again = torch.load(tmp_path / 'back.pt', weights_only=True)
  fresh = _containers(kind, state_dicts.make(case, seed=1)[-1])
  _load(kind, fresh, again)
  _assert_live(rules, _tensors(fresh), tensors)


@pytest.mark.parametrize(
  'case',
  (
    'selfgait',
    'gaitset',
    'gaitpart',
    'gaitgl_large',
    'gaitbase',
    'deepgaitv2_p3d',
    'gaitssb_pretrain',
  ),
)
def test_a_training_goes_on_here_and_there(tmp_path, case):
  """After two updates in PyTorch, a third gives the same here and there."""
  kind, section, rules, tensors = state_dicts.make(case)
  adam = kind == 'gaitset'
  modules = _containers(kind, tensors)
  trained = _optimiser(modules, adam)
  for step in (1, 2):
    _update(modules, trained, step)
  torch.save(_content(kind, modules, trained), tmp_path / 'model_2.pth')
  stage = tmp_path / ('pretrain' if kind == 'selfgait' else 'train')
  _convert(
    f'--input={tmp_path / "model_2.pth"}',
    f'--output={stage}',
    '--with-optimizer',
    *state_dicts.options(case),
  )
  _convert(f'--input={stage}', f'--to-torch={tmp_path / "back.pt"}')

  state, ours = resumed_stage.resume(
    section,
    stage,
    optimizer='adam' if adam else 'sgd',
    learning_rate=RATE,
    weight_decay=DECAY,
  )
  assert int(state.step) == 2
  live = [rule for rule in optimizer.optimised(rules) if rule.path]
  gradients = {
    rule.key: _gradient(rule.key, tensors[rule.key].shape, 3) for rule in live
  }
  gradients = conversion.to_variables(gradients, live)['params']
  found, _ = ours.update(gradients, state.opt_state, state.params, state.step)
  _update(modules, trained, 3)
  expected = conversion.to_variables(_tensors(modules), rules)
  _assert_close(found, expected['params'], 1e-5)

  again = torch.load(tmp_path / 'back.pt', weights_only=True)
  fresh = _containers(kind, state_dicts.make(case, seed=1)[-1])
  _load(kind, fresh, again)
  other = _optimiser(fresh, adam)
  name = 'optimizer_state_dict' if kind == 'selfgait' else 'optimizer'
  other.load_state_dict(again[name])
  _update(fresh, other, 3)
  _assert_live(rules, _tensors(fresh), _tensors(modules))


def _convert(*arguments):
  assert runpy.run_path(str(SCRIPT))['main']([str(a) for a in arguments]) == 0


def _containers(kind, tensors):
  """{part: module} that hold the tensors of a state dict.

  SelfGait's nine parts are a module each; other networks are one part, ''.
  """
  modules = {}
  for key, tensor in tensors.items():
    *names, leaf = key.split('.')
    part = names.pop(0) if kind == 'selfgait' else ''
    place = modules.setdefault(part, nn.Module())
    for name in names:
      if not hasattr(place, name):
        place.add_module(name, nn.Module())
      place = getattr(place, name)
    tensor = torch.tensor(tensor)
    if leaf in ('running_mean', 'running_var', 'num_batches_tracked'):
      place.register_buffer(leaf, tensor)
    else:
      place.register_parameter(leaf, nn.Parameter(tensor))
  return {part: _wrapped(kind, module) for part, module in modules.items()}


def _wrapped(kind, module):
  """Wraps the module like DataParallel, for the programs that use it."""
  if kind not in ('selfgait', 'gaitset_original'):
    return module
  outer = nn.Module()
  outer.add_module('module', module)
  return outer


def _optimiser(modules, adam):
  copies = ('target_network', 'TP_2', 'projection_2')
  parameters = [
    parameter
    for part, module in modules.items()
    if part.removesuffix('_state_dict') not in copies
    for parameter in module.parameters()
  ]
  if adam:
    return torch.optim.Adam(parameters, lr=RATE, weight_decay=DECAY)
  return torch.optim.SGD(parameters, lr=RATE, momentum=0.9, weight_decay=DECAY)


def _update(modules, trained, step):
  for part, module in modules.items():
    for name, parameter in module.named_parameters():
      key = _key(part, name)
      if key != 'online_network_state_dict.fc_bin':  # not read
        gradient = _gradient(key, parameter.shape, step)
        parameter.grad = torch.tensor(gradient)
  trained.step()


def _gradient(key, shape, step):
  rng = np.random.default_rng([step, *key.encode()])
  return rng.standard_normal(tuple(shape)).astype(np.float32)


def _content(kind, modules, trained=None):
  """What the original program saves."""
  parts = {part: module.state_dict() for part, module in modules.items()}
  optimised = trained.state_dict() if trained else {}
  if kind == 'gaitset_original':
    return parts['']
  if kind == 'selfgait':
    return parts | {'optimizer_state_dict': optimised}
  return {
    'model': parts[''],
    'optimizer': optimised,
    'scheduler': {'milestones': collections.Counter([3]), 'last_epoch': 2},
    'iteration': 2,
  }


def _load(kind, modules, content):
  for part, module in modules.items():
    if kind == 'selfgait':
      found = content[part]
    else:
      found = content if kind == 'gaitset_original' else content['model']
    module.load_state_dict(found, strict=True)


def _tensors(modules):
  """{key of the table: array}."""
  return {
    _key(part, name): tensor.numpy().copy()
    for part, module in modules.items()
    for name, tensor in module.state_dict().items()
  }


def _key(part, name):
  names = (part, *name.split('.'))
  return '.'.join(n for n in names if n not in ('', 'module'))


def _assert_live(rules, found, expected):
  """Asserts equal values, and zeros for tensors that are not read."""
  for rule in rules:
    wanted = expected[rule.key] if rule.path else np.zeros(rule.dead_shape)
    np.testing.assert_array_equal(found[rule.key], wanted, rule.key)


def _assert_close(found, expected, tolerance):
  found, expected = dict(found), dict(expected)
  assert jax.tree.structure(found) == jax.tree.structure(expected)
  for ours, theirs in zip(
    jax.tree.leaves(found), jax.tree.leaves(expected), strict=True
  ):
    np.testing.assert_allclose(
      ours, theirs, rtol=tolerance, atol=tolerance / 10
    )
