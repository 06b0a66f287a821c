"""Checks the numbers of a file: weights that no network could have learnt."""

from collections.abc import Mapping, Sequence

import numpy as np

from selfgait_jax import errors
from selfgait_jax.convert.tables.rules import Rule


def check(tensors: Mapping[str, np.ndarray], rules: Sequence[Rule]) -> None:
  """Checks the tensors of a file that the network reads.

  Args:
    tensors: {key: array} of the file.
    rules: the table of the network.

  Raises:
    UserError: a tensor is not of floating-point numbers, holds NaN or infinite
      numbers (in float32), or is a negative variance.
  """
  for rule in rules:
    if rule.path and rule.key in tensors:
      check_array(rule.key, tensors[rule.key], positive=rule.path[-1] == 'var')


def check_array(key: str, array: np.ndarray, *, positive: bool = False) -> None:
  """Checks one array.

  Args:
    key: its name, for the error message.
    array: any array.
    positive: whether negative numbers are refused as well.

  Raises:
    UserError: as `check`.
  """
  wanted = 'finite floating-point numbers'
  if array.dtype.kind != 'f':
    raise _refused(key, wanted, f'{array.dtype.name} numbers')
  wrong = {
    'NaN': np.isnan,
    'infinite (in float32)': np.isinf,
  }
  if positive:
    wanted += ' from 0'
    wrong['negative'] = lambda x: x < 0
  for name, test in wrong.items():
    if count := np.count_nonzero(test(array)):
      raise _refused(key, wanted, f'{count:,} of {array.size:,} numbers {name}')


def _refused(key, wanted, found):
  return errors.UserError(
    f'expected {wanted} in {errors.printable(key)}, found {found}; change '
    '--input (the file is damaged, or its training diverged)'
  )
