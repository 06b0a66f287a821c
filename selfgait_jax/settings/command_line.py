"""The flags of `main.py`: names of recipes, the default work folder, errors."""

import pathlib
import re
import sys

from absl import flags
from ml_collections import config_flags

from selfgait_jax import errors

_CONFIGS = pathlib.Path(__file__).parents[1] / 'configs'
_KEY = re.compile(r'config(\.[^\W\d]\w*)+')  # a dotted key


def parse(argv: list[str]) -> list[str]:
  """Parses flags for `app.run`; exits with one sentence if that fails.

  `--config` is a file, or the name of one in selfgait_jax/configs, such as
  `casiab:gaitbase`.

  By default ml_collections answers an unknown key with a traceback, and absl an
  unknown recipe with a page of text.
  """
  try:
    rest = flags.FLAGS([_find_recipe(argument) for argument in argv])
    # A config file that cannot be read raises an error on its first use.
    getattr(flags.FLAGS['config'].value, 'seed', None)
    return rest
  except flags.Error as error:  # a wrong type, an unknown flag or recipe
    words = re.sub('^[A-Za-z]+Error: ', '', _last_line(error))
  except OSError as error:
    words = (
      f'expected a config file, found {_last_line(error)}; change --config'
    )
  except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
    words = _wrong_key(argv, str(error))
    if not words:  # an error in the config file itself
      raise
  sys.exit(f'error: {errors.printable(words, errors.LONGEST_MESSAGE)}')


def workdir(given: str) -> pathlib.Path:
  """The work folder as given; '': runs/<config>-<recipe>."""
  if given:
    return pathlib.Path(given)
  name, _, recipe = config_flags.get_config_filename(
    flags.FLAGS['config']
  ).partition(':')
  return pathlib.Path(
    'runs', '-'.join(filter(None, (pathlib.Path(name).stem, recipe)))
  )


def _find_recipe(argument):
  """`--config=NAME:RECIPE` with the path of NAME's file, if it has one here."""
  match = re.fullmatch(r'(--?config=)(\w+)(:.*)?', argument)
  if not match:
    return argument
  flag, name, recipe = match.groups(default='')
  file = _CONFIGS / f'{name}.py'
  return f'{flag}{file}{recipe}' if file.is_file() else argument


def _wrong_key(argv, words):
  """A sentence if `words`, those of ml_collections, are about an override."""
  keys = [argument.partition('=')[0].lstrip('-') for argument in argv]
  keys = [key.removeprefix('no') for key in keys]
  keys = [key for key in keys if key.startswith('config.')]
  found = next((key for key in keys if not _KEY.fullmatch(key)), None)
  known = None
  if not found:
    path = re.search(r'lookup: ([\w.]+)', words) or re.search(r"'(\w+)", words)
    part = path[1].split('.')[-1] if path else ''
    found = next((key for key in keys if part in key.split('.')), None)
    known = re.search('mean "([^"]+)"', words)
  if not found:
    return None
  hint = f'change it to {known[1]}' if known else 'see configs/default.py'
  return f'expected keys of the config, found {found}; {hint}'


def _last_line(error):
  return str(error).strip().splitlines()[-1].strip()
