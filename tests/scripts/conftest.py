"""What the tests of the scripts share."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

SCRIPTS = pathlib.Path(__file__).parents[2] / 'scripts'


@pytest.fixture
def script(tmp_path):
  """Runs scripts/NAME from another folder; returns the ended process."""

  def run(name, *arguments, **environment):
    shell = ['bash'] if name.endswith('.sh') else [sys.executable]
    return subprocess.run(
      [*shell, SCRIPTS / name, *arguments],
      capture_output=True,
      text=True,
      cwd=tmp_path,
      env=os.environ | environment,
    )

  return run


@pytest.fixture
def benchmark_lines(script):
  """Runs scripts/benchmark.py; returns its JSON lines."""

  def run(*arguments):
    ended = script('benchmark.py', *arguments)
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]

  return run
