"""The name table of each kind, and the settings of an imported network."""

import ast
from collections.abc import Mapping, Sequence

from selfgait_jax import errors
from selfgait_jax.convert import recognise
from selfgait_jax.convert.tables import (
  deepgaitv2,
  gaitbase,
  gaitgl,
  gaitpart,
  gaitset,
  gaitset_original,
  gaitssb,
  selfgait,
)
from selfgait_jax.settings import model_checks, networks

# {key of recognise.KINDS: the module with its `rules` and `settings`}.
TABLES = {
  'deepgaitv2': deepgaitv2,
  'gaitbase': gaitbase,
  'gaitgl': gaitgl,
  'gaitpart': gaitpart,
  'gaitset': gaitset,
  'gaitset_original': gaitset_original,
  'gaitssb': gaitssb,
  'selfgait': selfgait,
}

# Settings that no user gives for an import: no original program has this norm.
_FIXED = ('name', 'embedding_norm')


def make_section(
  kind: str,
  shapes: Mapping[str, tuple[int, ...]],
  given: Sequence[str],
  crop_width: int,
) -> dict:
  """Returns a complete section of settings/networks.py.

  Args:
    kind: a key of `recognise.KINDS`.
    shapes: {key: shape} of the state dict.
    given: 'name=value' from the user; these override what the shapes tell.
    crop_width: columns of the silhouettes.

  Raises:
    UserError: a setting is unknown, has another type or an invalid value.
  """
  section = getattr(networks, recognise.KINDS[kind].model)()
  section.crop_width = crop_width
  try:
    section.update(TABLES[kind].settings(shapes))
  except KeyError as error:
    raise errors.UserError(
      f'expected {error.args[0]} to tell the size of the network, found none; '
      'change --input'
    ) from error
  for setting in given:
    name, equals, text = setting.partition('=')
    if not equals or name not in section or name in _FIXED:
      names = ', '.join(sorted(set(section) - set(_FIXED)))
      raise errors.UserError(
        f'expected NAME=VALUE with a name out of {names}, found {setting}; '
        'change --setting'
      )
    section[name] = _value(name, text, section[name])
  model_checks.check_model(section)
  return section.to_dict()


def _value(name, text, example):
  """Parses `text` as a value of the type of `example`."""
  try:
    value = ast.literal_eval(text)
  except (SyntaxError, ValueError, RecursionError, MemoryError):
    value = {'true': True, 'false': False}.get(text, text)
  if isinstance(example, tuple) and isinstance(value, (int, list)):
    value = (value,) if isinstance(value, int) else tuple(value)
  if type(value) is not type(example):
    shown = errors.printable(text)
    raise errors.UserError(
      f'expected {name} to be like {example!r}, found {shown}; change '
      f'--setting={name}'
    )
  return value
