"""Rules that a single value of the config must satisfy."""

import dataclasses
import itertools
import math
import sys
from collections.abc import Callable

from selfgait_jax import errors

LARGEST = 2**31 - 1  # the largest int32, the type of counters on the devices


@dataclasses.dataclass(frozen=True)
class Rule:
  """What a value may be.

  Attributes:
    words: for the message "expected config.KEY to be WORDS".
    allows: True for an allowed value; takes a value of any type.
    choices: all allowed values if they are few, otherwise ().
  """

  words: str
  allows: Callable[[object], bool]
  choices: tuple = ()


def one_of(*choices) -> Rule:
  """One of the given values."""
  allows = lambda x: any(type(x) is type(c) and x == c for c in choices)
  words = f'one of {", ".join(map(repr, choices))}'
  return Rule(words, allows, choices)


def whole(low: int = 0, high: int = LARGEST) -> Rule:
  """A whole number from `low` to `high`."""
  return Rule(
    f'a whole number from {low} to {high}', lambda x: _is_whole(x, low, high)
  )


def number(low: float = 0, high: float = sys.float_info.max) -> Rule:
  """A number from `low` to `high`, neither of them infinite."""
  first = 'above 0' if low == math.ulp(0) else f'of at least {low}'
  last = '' if high == sys.float_info.max else f' and at most {high}'
  # Comparisons are false for NaN.
  allows = lambda x: (
    isinstance(x, (int, float)) and type(x) is not bool and low <= x <= high
  )
  return Rule(f'a number {first}{last}', allows)


def several_of(*values) -> Rule:
  """A tuple or list of some of the values, at least one."""
  allows = lambda x: (
    isinstance(x, (tuple, list)) and len(x) and all(v in values for v in x)
  )
  return Rule(f'some of {", ".join(map(str, values))}', allows)


def whole_numbers(low: int) -> Rule:
  """A tuple or list of whole numbers from `low`, possibly empty."""
  allows = lambda x: (
    isinstance(x, (tuple, list)) and all(_is_whole(n, low) for n in x)
  )
  return Rule(f'whole numbers from {low}, with commas between', allows)


SWITCH = Rule('True or False', lambda x: type(x) is bool)
TEXT = Rule('a text', lambda x: isinstance(x, str))


def _allows_band(value):
  pairs = isinstance(value, (tuple, list)) and all(
    isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in value
  )
  if not pairs or len(value) != 2:
    return False
  ends = [*value[0], *value[1]]
  return all(_is_whole(end, 0, 64) for end in ends) and (
    ends[0] <= ends[1] <= ends[2] <= ends[3] and ends[0] < ends[3]
  )


BAND = Rule('((a, b), (c, d)), rising within 64 rows', _allows_band)


def check(key: str, value, rule: Rule) -> None:
  """Raises UserError, naming `config.KEY`, if the rule forbids the value."""
  if not rule.allows(value):
    raise errors.UserError(
      f'expected config.{key} to be {rule.words}, found {shown(value)}; change '
      f'config.{key}'
    )


def shown(value) -> str:
  """A value for a message; a long one loses its middle."""
  try:
    return errors.printable(repr(value))
  except (ValueError, RecursionError):  # an int of 5,000 digits, deep nesting
    return f'a {type(value).__name__}'


def rises(values) -> bool:
  """True if each value is larger than the one before it."""
  return all(a < b for a, b in itertools.pairwise(values))


def _is_whole(value, low=0, high=LARGEST):
  return (
    isinstance(value, int)
    and type(value) is not bool
    and (low <= value <= high)
  )
