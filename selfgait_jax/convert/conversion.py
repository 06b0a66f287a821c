"""Converts a state dict to our variables and back, by a table of rules."""

from collections.abc import Mapping, Sequence

import numpy as np
from flax import traverse_util

from selfgait_jax.convert.tables.rules import Rule


def to_variables(
  tensors: Mapping[str, np.ndarray], rules: Sequence[Rule]
) -> dict:
  """Converts a state dict to variables.

  Args:
    tensors: {key: array} in PyTorch's layout; every key of the table that a
      network reads must be there.
    rules: the table of the network.

  Returns:
    {'params': {...}, 'batch_stats': {...}} and, for SelfGait, the collections
    of the target network. Arrays keep their dtype and are views of `tensors`
    unless several are stacked.
  """
  flat, stacks = {}, {}
  for rule in rules:
    if not rule.path:
      continue
    tensor = rule.layout.ours(tensors[rule.key])
    if rule.row is None:
      flat[rule.path] = tensor
    else:
      stacks.setdefault(rule.path, {})[rule.row] = tensor
  for path, rows in stacks.items():
    flat[path] = np.stack([rows[row] for row in range(len(rows))])
  return traverse_util.unflatten_dict(flat)


def to_tensors(
  variables: Mapping, rules: Sequence[Rule]
) -> dict[str, np.ndarray]:
  """Converts variables to a state dict in PyTorch's layout.

  Args:
    variables: as `to_variables` returns them.
    rules: the table of the network.

  Returns:
    {key: array} in the table's order; tensors that no network reads are zeros.
  """
  flat = traverse_util.flatten_dict(dict(variables))
  tensors = {}
  for rule in rules:
    if rule.path:
      ours = np.asarray(flat[rule.path])
      ours = ours if rule.row is None else ours[rule.row]
      tensors[rule.key] = np.ascontiguousarray(rule.layout.theirs(ours))
    else:
      tensors[rule.key] = np.zeros(rule.dead_shape, rule.dead_dtype)
  return tensors
