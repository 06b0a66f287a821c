"""Compares the tensors of a file with the table of a network, strictly."""

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import flax.linen as nn
import numpy as np
from flax import traverse_util

from selfgait_jax import errors
from selfgait_jax.convert.tables.rules import Rule
from selfgait_jax.models import factory

SHOWN = 3  # keys of each list in the error message; the report has all
# Weights of the classifiers; their last axis is the classes.
CLASSIFIERS = ('BNNecks.fc_bin', 'Head1.fc_bin')


class Difference(NamedTuple):
  """The differences that were allowed.

  Attributes:
    missing: sorted keys that the table has and the file lacks.
    unexpected: sorted keys that the file has and the table lacks.
  """

  missing: list[str]
  unexpected: list[str]


def expected_shapes(
  rules: Sequence[Rule], model: nn.Module, crop_width: int
) -> dict[str, tuple[int, ...]]:
  """Returns {key: shape in PyTorch's layout} of all tensors the network reads.

  Args:
    rules: the table of the network.
    model: the network.
    crop_width: columns of the silhouettes that it sees.

  Raises:
    UserError: the network has modules that the table lacks.
  """
  shapes = factory.variable_shapes(model, crop_width)
  table = {rule.path[1] for rule in rules if rule.path}
  if more := sorted(set(shapes['params']) - table):
    raise errors.UserError(
      f'expected the modules of the original network, found also '
      f'{", ".join(more)}; change --setting (a training stage adds the modules '
      'that its config asks for)'
    )
  shapes |= {f'target_{name}': tree for name, tree in shapes.items()}
  flat = traverse_util.flatten_dict(shapes)
  expected = {}
  for rule in rules:
    if rule.path:
      ours = flat[rule.path].shape[0 if rule.row is None else 1 :]
      blank = np.broadcast_to(np.float32(0), ours)  # takes no memory
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
  """Compares the keys and shapes of a file with the table.

  Tensors that no network reads may be present or missing.

  Args:
    tensors: {key: array} of the file.
    rules: the table of the network.
    expected: {key: shape} as `expected_shapes` returns it.
    allow_missing: patterns, such as `BNNecks.*`, of keys that may be missing.
    allow_unexpected: patterns of keys to ignore.
    report: called with one line for each difference.

  Returns:
    The differences, all of them allowed.

  Raises:
    UserError: a difference is not allowed. Wrong shapes never are.
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
    name = errors.printable(key)
    report(f'unexpected: {name} {_size(tensors[key].shape)}')
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
  """Returns whether every key matches at least one pattern."""
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
  names = ', '.join(errors.printable(key) for key in keys[:SHOWN])
  return f'{len(keys)} {name} ({names}{more})'


def _size(shape):
  return 'x'.join(map(str, shape)) or 'scalar'
