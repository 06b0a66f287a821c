"""The command `selfgait`: own silhouettes to embeddings, names and files.

A subcommand is a module of this folder with two functions: `options` adds its
arguments to a parser, `run` does the work. Only the module of the subcommand
that was given is imported, so `selfgait --help` needs no JAX.
"""

import argparse
import importlib
import os
import sys

from selfgait_jax import __version__, errors

SUBCOMMANDS = {
  'walkers': 'render synthetic walkers, to try the other commands with',
  'silhouettes': 'find people in a video and write their silhouettes',
  'inspect': 'judge clips: a table and a contact sheet',
  'embed': 'write the embeddings of clips to a file',
  'enrol': 'put a person into a gallery',
  'search': 'find who a gallery knows in clips',
  'compare': 'compare the clips of two folders or files',
  'people': 'list who is in a gallery',
  'forget': 'remove a person from a gallery',
  'calibrate': 'find a threshold and probabilities for a gallery',
  'evaluate': 'count how well a gallery finds known people',
  'report': 'write the report of a run again',
  'serve': 'show a gallery as a page in the browser',
  'export': 'write a checkpoint as a folder, StableHLO or ONNX',
}


def main(arguments: list[str] | None = None) -> int:
  """Returns the exit status; prints one sentence to standard error if it is 1.

  Args:
    arguments: those after the name of the command; None for `sys.argv`.
  """
  arguments = sys.argv[1:] if arguments is None else arguments
  options = _parse(arguments)
  try:
    options.module.run(options)
    sys.stdout.flush()
  except errors.UserError as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  except KeyboardInterrupt:
    print('stopped; what was finished is kept', file=sys.stderr)
    return 130
  except BrokenPipeError:  # the reader of a pipe, such as `head`, has left
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141
  return 0


def _parse(arguments):
  parser = argparse.ArgumentParser(
    prog='selfgait',
    description='Gait recognition from silhouettes.',
    epilog='`selfgait COMMAND --help` explains a command.',
  )
  version = f'selfgait_jax {__version__}'
  parser.add_argument('--version', action='version', version=version)
  commands = parser.add_subparsers(metavar='COMMAND', required=True)
  given = next((a for a in arguments if not a.startswith('-')), '')
  for name, text in SUBCOMMANDS.items():
    chosen = name == given
    module = (
      importlib.import_module(f'selfgait_jax.cli.{name}') if chosen else None
    )
    command = commands.add_parser(
      name,
      help=text,
      description=module and module.__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if module:
      module.options(command)
      command.set_defaults(module=module)
  return parser.parse_args(arguments)
