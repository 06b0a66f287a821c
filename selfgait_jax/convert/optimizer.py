"""The state of PyTorch's SGD and Adam <-> ours, tensor by tensor.

PyTorch numbers parameters as they were registered, which is the order of the
table; our state is that of `selfgait_jax/optimizer.py`.
"""

from collections.abc import Mapping, Sequence

import jax
import numpy as np
import optax

from selfgait_jax import errors
from selfgait_jax.convert import conversion
from selfgait_jax.convert.tables.rules import Rule
from selfgait_jax.train import optimizer as optimizers

_STATISTICS = ('running_mean', 'running_var', 'num_batches_tracked')
# PyTorch's name of a buffer: the name in optax.
_BUFFERS = {
  'sgd': {'momentum_buffer': 'trace'},
  'adam': {'exp_avg': 'mu', 'exp_avg_sq': 'nu'},
}
# Of the releases; a file that was made here has nothing else to say.
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
  """(opt_state, settings) out of an optimiser's state dict.

  A tensor that never had a gradient has no buffer there and zeros here.

  Args:
    state: `files.Checkpoint.optimizer`.
    rules: the table of the network.
    expected: {key: shape} of `difference.expected_shapes`.
    params: our parameters.

  Returns:
    The item `opt_state` of a checkpoint, and the optimiser's `name` ('sgd' or
    'adam') with its other settings as PyTorch calls them.

  Raises:
    UserError: it is of another optimiser or of another network.
  """
  parameters = optimised(rules)
  groups, buffers = state.get('param_groups', []), state.get('state', {})
  count = sum(len(group['params']) for group in groups)
  if len(groups) != 1 or count != len(parameters):
    raise _refused(
      f'one group of {len(parameters)} parameters',
      f'{len(groups)} of {count} in all',
    )
  settings = {k: v for k, v in groups[0].items() if _is_plain(v)}
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
    values = {ours: tree[module] for ours, tree in trees.items()}
    if name == 'adam':
      values['count'] = np.asarray(steps.get(module, 0), np.int32)
    opt_state[module] = optax.tree_utils.tree_set(blank_state, **values)
  return opt_state, {'name': name} | settings


def to_torch(
  opt_state: Mapping, settings: Mapping, rules: Sequence[Rule]
) -> dict:
  """The optimiser's state dict; without `opt_state` one that was never used.

  Args:
    opt_state: {module: state}, its containers plain (as Orbax restores them).
    settings: as `from_torch` returns them, or those to begin with.
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
  """'sgd' or 'adam'."""
  state = next(iter(opt_state.values()))
  return 'sgd' if _find(state, 'trace') is not None else 'adam'


def optimised(rules: Sequence[Rule]) -> list[Rule]:
  """The rules of tensors that the optimiser holds, in its order.

  Not the moving copies: whole modules, whose dead tensors are no more in it.
  """
  module = lambda rule: rule.key.split('.')[0]
  copies = {module(r) for r in rules if r.path[:1] == ('target_params',)}
  return [
    rule
    for rule in rules
    if rule.key.rsplit('.')[-1] not in _STATISTICS
    and module(rule) not in copies
  ]


def _collect(buffers, parameters, expected, name):
  """{key: buffer} of the tensors that are read, zeros where there is none."""
  found = {}
  for index, rule in enumerate(parameters):
    if rule.path:
      shape = expected[rule.key]
      buffer = buffers.get(index, {}).get(name)
      if buffer is None:
        buffer = np.broadcast_to(np.float32(0), shape)
      if buffer.shape != shape:
        raise _refused(
          f'{name} {list(shape)} of {rule.key}', f'{list(buffer.shape)}'
        )
      found[rule.key] = buffer
  return found


def _steps(buffers, parameters):
  """{module: Adam's number of updates}."""
  found = {}
  for index, rule in enumerate(parameters):
    if rule.path and 'step' in buffers.get(index, {}):
      found.setdefault(rule.path[1], set()).add(int(buffers[index]['step']))
  for module, counts in found.items():
    if len(counts) > 1:
      raise _refused(f'one number of updates in {module}', f'{sorted(counts)}')
  return {module: counts.pop() for module, counts in found.items()}


def _find(state, name):
  """What stands under `name` in nested containers, or None."""
  if isinstance(state, Mapping):
    if name in state:
      return state[name]
    state = list(state.values())
  if isinstance(state, (list, tuple)):
    found = (_find(part, name) for part in state)
    return next((part for part in found if part is not None), None)
  return None


def _is_plain(value):
  """Kept in a manifest: a number, a truth value or a pair of numbers."""
  pair = isinstance(value, list) and len(value) == 2
  return isinstance(value, (bool, int, float)) or (
    pair and all(isinstance(x, float) for x in value)
  )


def _refused(expected, found):
  return errors.UserError(
    f"expected the optimiser's state of this network with {expected}, found "
    f'{found}; leave out --with-optimizer'
  )
