"""Flags of `main.py`: the default work folder, and mistakes as sentences."""

import pathlib
import re
import sys

from absl import flags
from ml_collections import config_flags


def parse(argv: list[str]) -> list[str]:
  """Parses flags for `app.run`; a mistake ends the command with a sentence.

  By themselves ml_collections answers an unknown key with a traceback, and
  absl an unknown recipe with a page of text.
  """
  try:
    rest = flags.FLAGS(argv)
    # A file that could not be read says so at the first touch only.
    getattr(flags.FLAGS['config'].value, 'seed', None)
    return rest
  except flags.Error as error:  # a wrong type, an unknown flag or recipe
    words = re.sub('^[A-Za-z]+Error: ', '', _last_line(error))
  except OSError as error:
    words = (
      f'expected a config file, found {_last_line(error)}; change --config'
    )
  except (AttributeError, KeyError) as error:
    words = _unknown_key(argv, str(error))
    if not words:  # an error in the config file itself
      raise
  sys.exit(f'error: {words}')


def workdir(given: str) -> pathlib.Path:
  """The work folder: as given, or runs/<config>-<recipe>."""
  if given:
    return pathlib.Path(given)
  name, _, recipe = config_flags.get_config_filename(
    flags.FLAGS['config']
  ).partition(':')
  return pathlib.Path(
    'runs', '-'.join(filter(None, (pathlib.Path(name).stem, recipe)))
  )


def _unknown_key(argv, words):
  """A sentence if `words`, ml_collections', complain of an override."""
  path = re.search(r'lookup: ([\w.]+)', words) or re.search(r"'(\w+)", words)
  part = path[1].split('.')[-1] if path else ''
  for argument in argv:
    key = argument.partition('=')[0].lstrip('-')
    if key.startswith('config.') and part in key.split('.'):
      known = re.search('mean "([^"]+)"', words)
      hint = f'change it to {known[1]}' if known else 'see configs/default.py'
      return f'expected keys of the config, found {key}; {hint}'
  return None


def _last_line(error):
  return str(error).strip().splitlines()[-1].strip()
