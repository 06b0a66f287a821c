"""What is installed, and what `import selfgait_jax` offers."""

import pathlib
import re
import subprocess
import sys
import tomllib

import pytest

import selfgait_jax

ROOT = pathlib.Path(selfgait_jax.__file__).parents[1]
PROJECT = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
EXTRAS = PROJECT['optional-dependencies']


def listed(name):
  """Requirements in a file, in the form of pyproject.toml."""
  lines = (ROOT / name).read_text().splitlines()
  lines = (re.sub(r'\s*#.*', '', line) for line in lines)
  return {line.replace('"', "'") for line in lines if line and line[0] != '-'}


@pytest.mark.parametrize(
  ('file', 'expected'),
  [
    (
      'requirements.txt',
      {*PROJECT['dependencies'], *EXTRAS['train'], *EXTRAS['report']},
    ),
    ('requirements-convert.txt', {*EXTRAS['convert']}),
    ('requirements-dev.txt', {*EXTRAS['dev']}),
    ('requirements-docs.txt', {*EXTRAS['docs']}),
  ],
)
def test_requirement_files_repeat_the_project(file, expected):
  assert listed(file) == expected


def test_public_names():
  for name in selfgait_jax.__all__:
    assert getattr(selfgait_jax, name) is not None
  stub = (ROOT / 'selfgait_jax/__init__.pyi').read_text()
  typed = set(re.findall(r' as (\w+)', stub)) | {'__version__'}
  assert typed == set(selfgait_jax.__all__)
  with pytest.raises(AttributeError, match='no attribute .nonsense'):
    selfgait_jax.nonsense  # noqa: B018


def test_help_imports_no_jax():
  program = (
    'import sys; from selfgait_jax.cli import command\n'
    'try: command.main(["--help"])\n'
    'except SystemExit: pass\n'
    'assert not {"jax", "tensorflow", "cv2", "numpy"} & set(sys.modules)'
  )
  done = subprocess.run(
    [sys.executable, '-c', program],
    cwd=ROOT,
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  assert 'Gait recognition from silhouettes' in done.stdout
