"""Converts the state of PyTorch's SGD and Adam to ours and back.

PyTorch numbers the parameters in the order they were registered, which is the
order of the table. Our state is the one of `selfgait_jax/train/optimizer.py`.
"""

from collections.abc import Mapping, Sequence

import jax
import numpy as np
import optax

from selfgait_jax import errors
from selfgait_jax.convert import conversion, values, weight_files
from selfgait_jax.convert.tables.rules import Rule
from selfgait_jax.train import optimizer as optimizers

_STATISTICS = ('running_mean', 'running_var', 'num_batches_tracked')
# PyTorch's name of a buffer: the name in optax.
_BUFFERS = {
  'sgd': {'momentum_buffer': 'trace'},
  'adam': {'exp_avg': 'mu', 'exp_avg_sq': 'nu'},
}
# Settings of the released recipes, which our own checkpoints do not hold.
_USUAL = {
  'sgd': {'momentum': 0.9, 'dampening': 0, 'nesterov': False},
  'adam': {'betas': [0.9, 0.999], 'eps': 1e-8, 'amsgrad': False},
}


def from_torch(
  state: Mapping,
  rules: Sequence[Rule],
  expected: Mapping[str, tuple[int, ...]],
  params: Mapping,
) -> tuple[dict, dict]:
  """Converts an optimiser's state dict.

  PyTorch keeps no buffer for a tensor without gradients; ours is zeros.

  Args:
    state: `weight_files.Checkpoint.optimizer`.
    rules: the table of the network.
    expected: {key: shape} as `difference.expected_shapes` returns it.
    params: our parameters.

  Returns:
    (opt_state, settings): the part of a checkpoint's `training` item, and the
    optimiser's `name` ('sgd' or 'adam') with its settings by PyTorch's names.

  Raises:
    UserError: the state belongs to another optimiser or another network.
  """
  parameters = optimised(rules)
  groups, buffers = _parts(state)
  count = sum(len(group['params']) for group in groups)
  if len(groups) != 1 or count != len(parameters):
    raise _refused(
      f'one group of {len(parameters)} parameters',
      f'{len(groups)} of {count} together',
    )
  settings = {str(k): v for k, v in groups[0].items() if _is_plain(v)}
  name = 'adam' if 'betas' in settings else 'sgd'
  trees = {
    ours: conversion.to_variables(
      _collect(buffers, parameters, expected, theirs),
      [rule for rule in parameters if rule.path],
    )['params']
    for theirs, ours in _BUFFERS[name].items()
  }
  steps = _steps(buffers, parameters) if name == 'adam' else {}
  transform = optimizers.make_transform(name)
  blank = {
    module: jax.eval_shape(transform.init, tensors)
    for module, tensors in params.items()
  }
  opt_state = {}
  for module, blank_state in blank.items():
    moments = {ours: tree[module] for ours, tree in trees.items()}
    if name == 'adam':
      moments['count'] = np.asarray(steps.get(module, 0), np.int32)
    opt_state[module] = optax.tree_utils.tree_set(blank_state, **moments)
  return opt_state, {'name': name} | settings


def to_torch(
  opt_state: Mapping, settings: Mapping, rules: Sequence[Rule]
) -> dict:
  """Converts our state to an optimiser's state dict.

  Args:
    opt_state: {module: state} in plain containers, as Orbax restores them;
      empty for an optimiser that has not made an update.
    settings: as `from_torch` returns them, or the settings of a recipe.
    rules: the table of the network.
  """
  parameters = optimised(rules)
  settings = dict(settings)
  name = settings.pop('name')
  group = _USUAL[name] | settings | {'params': list(range(len(parameters)))}
  buffers = {}
  for theirs, ours in _BUFFERS[name].items() if opt_state else ():
    tree = {module: _find(s, ours) for module, s in opt_state.items()}
    live = [rule for rule in parameters if rule.path]
    tensors = conversion.to_tensors({'params': tree}, live)
    for index, rule in enumerate(parameters):
      if rule.path:
        buffers.setdefault(index, {})[theirs] = tensors[rule.key]
  if name == 'adam':
    for index, buffer in buffers.items():
      module = parameters[index].path[1]
      count = _find(opt_state[module], 'count')
      buffers[index] = {'step': np.asarray(count, np.float32)} | buffer
  return {'state': buffers, 'param_groups': [group]}


def name_of(opt_state: Mapping) -> str:
  """Returns 'sgd' or 'adam'.

  Args:
    opt_state: {module: state} in plain containers.
  """
  state = next(iter(opt_state.values()))
  return 'sgd' if _find(state, 'trace') is not None else 'adam'


def optimised(rules: Sequence[Rule]) -> list[Rule]:
  """Returns the rules of the parameters that PyTorch optimises, in its order.

  The target network is not optimised, nor are the unused tensors in its
  modules.
  """
  module = lambda rule: rule.key.split('.')[0]
  copies = {module(r) for r in rules if r.path[:1] == ('target_params',)}
  return [
    rule
    for rule in rules
    if rule.key.rsplit('.')[-1] not in _STATISTICS
    and module(rule) not in copies
  ]


def _parts(state):
  """(parameter groups, buffers), of the types that PyTorch writes."""
  groups, buffers = state.get('param_groups', []), state.get('state', {})
  fits = isinstance(groups, list) and isinstance(buffers, Mapping)
  fits = fits and all(
    isinstance(g, Mapping) and isinstance(g.get('params'), list) for g in groups
  )
  if not fits or not all(isinstance(b, Mapping) for b in buffers.values()):
    raise _refused('`param_groups` and `state`', 'values of other types')
  return groups, buffers


def _collect(buffers, parameters, expected, name):
  """{key: buffer} of the tensors that are read; zeros for a missing one."""
  found = {}
  for index, rule in enumerate(parameters):
    if rule.path:
      shape = expected[rule.key]
      buffer = buffers.get(index, {}).get(name)
      if buffer is None:
        buffer = np.broadcast_to(np.float32(0), shape)
      if np.shape(buffer) != shape:
        raise _refused(
          f'{name} {list(shape)} of {rule.key}', f'{list(np.shape(buffer))}'
        )
      squares = name == 'exp_avg_sq'
      values.check_array(f'{name} of {rule.key}', buffer, positive=squares)
      found[rule.key] = buffer
  return found


def _steps(buffers, parameters):
  """{module: the number of Adam's updates}."""
  found = {}
  for index, rule in enumerate(parameters):
    if rule.path and 'step' in buffers.get(index, {}):
      step = buffers[index]['step']
      if np.ndim(step) or not 0 <= step <= weight_files.MAX_ITERATION:
        raise _refused(f'the number of updates of {rule.key}', 'another value')
      found.setdefault(rule.path[1], set()).add(int(step))
  for module, counts in found.items():
    if len(counts) > 1:
      raise _refused(f'one number of updates in {module}', f'{sorted(counts)}')
  return {module: counts.pop() for module, counts in found.items()}


def _find(state, name):
  """The first value under the key `name` in nested containers, or None."""
  if isinstance(state, Mapping):
    if name in state:
      return state[name]
    state = list(state.values())
  if isinstance(state, (list, tuple)):
    found = (_find(part, name) for part in state)
    return next((part for part in found if part is not None), None)
  return None


def _is_plain(value):
  """Whether it goes into a manifest: a number, a boolean or two numbers."""
  pair = isinstance(value, list) and len(value) == 2
  return isinstance(value, (bool, int, float)) or (
    pair and all(isinstance(x, float) for x in value)
  )


def _refused(expected, found):
  return errors.UserError(
    f"expected the optimiser's state of this network with {expected}, found "
    f'{found}; leave out --with-optimizer'
  )
