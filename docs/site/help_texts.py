"""The page of help texts, as `--help` prints them."""

import contextlib
import io
import os
import pathlib
import subprocess
import sys

from selfgait_jax.cli import command

SCRIPTS = (
  'prepare_silhouettes.py',
  'reproduce.py',
  'convert_checkpoint.py',
  'benchmark.py',
  'run_tpu_pod.sh',
)
_FOLDER = pathlib.Path(__file__).parents[2] / 'scripts'
_COLUMNS = '79'


def text() -> str:
  """Markdown: the help of `selfgait`, its subcommands and the scripts."""
  os.environ['COLUMNS'] = _COLUMNS
  parts = ['## selfgait', _block(of_subcommand())]
  for name in command.SUBCOMMANDS:
    parts += [f'## selfgait {name}', _block(of_subcommand(name))]
  for name in SCRIPTS:
    parts += [f'## scripts/{name}', _block(_of_script(name))]
  return '\n\n'.join(parts)


def of_subcommand(*name: str) -> str:
  """The help of a subcommand; without a name that of `selfgait`."""
  said = io.StringIO()
  with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
    command.main([*name, '--help'])
  return said.getvalue()


def _of_script(name):
  shell = 'bash' if name.endswith('.sh') else sys.executable
  return subprocess.run(
    [shell, _FOLDER / name, '--help'],
    capture_output=True,
    text=True,
    check=True,
  ).stdout


def _block(text):
  return f'````text\n{text.strip()}\n````'
