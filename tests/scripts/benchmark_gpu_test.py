"""scripts/benchmark_gpu.sh, without a GPU."""

import json
import os
import sys

import pytest

# Stands in for Python: prints its arguments, and fails for those that match.
STAND_IN = """#!/bin/sh
case "$*" in *$FAILS*) exit 3 ;; esac
echo "$*"
"""


@pytest.fixture
def benchmark(script, tmp_path):
  """Runs it at toy size: (status, lines, stderr); `python` is this text."""

  def run(python, *options, **variables):
    program = tmp_path / 'python'
    program.write_text(python)
    program.chmod(0o755)
    path = f'{tmp_path}{os.pathsep}{os.environ["PATH"]}'
    variables |= {'PATH': path, 'SIZE': 'toy'}
    ended = script('benchmark_gpu.sh', *options, **variables)
    return ended.returncode, ended.stdout.splitlines(), ended.stderr

  return run


def test_a_case_that_fails_is_named_and_costs_no_other(benchmark):
  status, all_cases, _ = benchmark(STAND_IN, FAILS='nothing')
  assert status == 0 and len(set(all_cases)) == len(all_cases)
  fails = 'step=gaitbase --amp'  # of PyTorch, in one comparison
  status, lines, said = benchmark(STAND_IN, FAILS=fails)
  assert status == 1
  failed = next(line for line in all_cases if fails in line)
  assert f'failed: {failed.split(maxsplit=1)[1]}' in said.splitlines()
  assert set(all_cases) - set(lines) == {failed}
  (alone,) = set(lines) - set(all_cases)  # ours is measured all the same
  assert failed.startswith(alone) and '--beside' not in alone


@pytest.mark.slow
def test_every_kind_of_case_runs(benchmark):
  pytest.importorskip('torch')
  status, lines, said = benchmark(
    f'#!/bin/sh\nexec {sys.executable} "$@"',
    'selfgait|embed|rates|evaluate|search',
    XLA_FLAGS='--xla_backend_optimization_level=0',
    OMP_NUM_THREADS='1',  # PyTorch's threads wait for each other in a spin
  )
  assert status == 0, said
  found = [json.loads(line) for line in lines]
  assert len({line['case'] for line in found}) == 8
  assert sum('ratio' in line for line in found) == 2 + 2  # steps, embed's parts
