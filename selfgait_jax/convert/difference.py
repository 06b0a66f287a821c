"""The strict difference between a file's tensors and a network's table."""

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from flax import traverse_util

from selfgait_jax import errors
from selfgait_jax.convert.tables.rules import Rule
from selfgait_jax.models import factory

SHOWN = 3  # of each list, in the sentence; the report has all
# A classifier's matrices: their last axis is the classes.
CLASSIFIERS = ('BNNecks.fc_bin', 'Head1.fc_bin')


class Difference(NamedTuple):
  """What was allowed to differ, as sorted keys.

  Attributes:
    missing: expected, and not in the file.
    unexpected: in the file, and not expected.
  """

  missing: list[str]
  unexpected: list[str]


def expected_shapes(
  rules: Sequence[Rule], model, crop_width: int
) -> dict[str, tuple[int, ...]]:
  """{key: shape in PyTorch's layout} of the tensors that the network reads.

  Raises:
    UserError: the network has parts that the table has not.
  """
  shapes = factory.variable_shapes(model, crop_width)
  table = {rule.path[1] for rule in rules if rule.path}
  if more := sorted(set(shapes['params']) - table):
    raise errors.UserError(
      f'expected a network as the original program has it, found one with '
      f'{", ".join(more)} besides; change --setting (a stage of training adds '
      'what its config asks for)'
    )
  shapes |= {f'target_{name}': tree for name, tree in shapes.items()}
  flat = traverse_util.flatten_dict(shapes)
  expected = {}
  for rule in rules:
    if rule.path:
      ours = flat[rule.path].shape[0 if rule.row is None else 1 :]
      blank = np.broadcast_to(np.float32(0), ours)  # of one number's size
      expected[rule.key] = rule.layout.theirs(blank).shape
  return expected


def check(
  tensors: Mapping[str, np.ndarray],
  rules: Sequence[Rule],
  expected: Mapping[str, tuple[int, ...]],
  allow_missing: Sequence[str],
  allow_unexpected: Sequence[str],
  report: Callable[[str], None],
) -> Difference:
  """Compares the file with the table; what nothing reads may be there or not.

  Args:
    tensors: of the file.
    rules: the table.
    expected: of `expected_shapes`.
    allow_missing: patterns (`BNNecks.*`) of keys that need not be there.
    allow_unexpected: patterns of keys that are passed over.
    report: is told every difference, a line each.

  Raises:
    UserError: a difference is not allowed; shapes always have to agree.
  """
  missing = sorted(set(expected) - set(tensors))
  unexpected = sorted(set(tensors) - {rule.key for rule in rules})
  common = sorted(set(expected) & set(tensors))
  other = [key for key in common if tensors[key].shape != expected[key]]
  shape = lambda key: (
    f'expected {_size(expected[key])}, found ' + _size(tensors[key].shape)
  )
  for key in missing:
    report(f'missing: {key} {_size(expected[key])}')
  for key in unexpected:
    report(f'unexpected: {key} {_size(tensors[key].shape)}')
  for key in other:
    report(f'wrongly shaped: {key}, {shape(key)}')
  _check_classes(tensors, expected, other)
  lost = [key for key in missing if not allows(allow_missing, [key])]
  more = [key for key in unexpected if not allows(allow_unexpected, [key])]
  lists = {
    'missing': lost,
    'unexpected': more,
    'wrongly shaped': [f'{key}: {shape(key)}' for key in other],
  }
  if lost or more or other:
    words = [_list(name, keys) for name, keys in lists.items() if keys]
    hints = ['--model or --setting']
    hints += ['--allow-missing=PATTERN'] if lost else []
    hints += ['--allow-unexpected=PATTERN'] if more else []
    raise errors.UserError(
      f'expected the {len(expected)} tensors of the network, found '
      f'{"; ".join(words)}; change {" or ".join(hints)}'
    )
  return Difference(missing, unexpected)


def allows(patterns: Sequence[str], keys: Iterable[str]) -> bool:
  """True if every key matches one of the patterns."""
  fits = lambda key: any(fnmatch.fnmatchcase(key, p) for p in patterns)
  return all(map(fits, keys))


def _check_classes(tensors, expected, other):
  for key in CLASSIFIERS:
    if key in other and tensors[key].shape[:-1] == expected[key][:-1]:
      raise errors.UserError(
        f'expected {expected[key][-1]} classes, found '
        f'{tensors[key].shape[-1]} in {key}; change --setting=classes or '
        '--input (a checkpoint of any number of classes fine-tunes to another '
        'by --config.init_from)'
      )


def _list(name, keys):
  more = ', ...' if len(keys) > SHOWN else ''
  return f'{len(keys)} {name} ({", ".join(keys[:SHOWN])}{more})'


def _size(shape):
  return 'x'.join(map(str, shape)) or 'scalar'
