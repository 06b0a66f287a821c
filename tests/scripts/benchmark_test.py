"""Every case of scripts/benchmark.py at its smallest, as a program of its own.

No test looks at how fast anything was.
"""

import json
import os
import pathlib
import shlex
import subprocess
import sys

import pytest
import small_run

ROOT = pathlib.Path(__file__).parents[2]
# Small programs: compiling is what takes long here.
FLAGS = '--xla_backend_optimization_level=0'
SPEED = {'frames_per_second', 'seconds'}
SIZE = {'device', 'devices', 'dtype', 'sequences', 'frames', 'peak_memory_gb'}
PARTS = {'compile_seconds', 'input_ms', 'transfer_ms', 'step_ms'}


def benchmark(folder, *options):
  """(status, JSON lines, stderr), from anywhere and without installation."""
  ended = subprocess.run(
    [sys.executable, str(ROOT / 'scripts/benchmark.py'), *options],
    capture_output=True,
    text=True,
    cwd=folder,
    env=os.environ | {'XLA_FLAGS': FLAGS},
  )
  lines = [json.loads(line) for line in ended.stdout.splitlines()]
  return ended.returncode, lines, ended.stderr


@pytest.mark.parametrize(
  'step, views',
  [pytest.param('selfgait', 2, marks=pytest.mark.slow), ('gaitset', 1)],
)
def test_step(step, views, tmp_path):
  sizes = ['--sequences=2', '--frames=2', '--repeats=2', '--devices=2']
  status, (line,), said = benchmark(tmp_path, 'step', f'--step={step}', *sizes)
  assert status == 0, said
  assert line.keys() >= SPEED | SIZE | PARTS
  assert (line['sequences'], line['frames'], line['devices']) == (2, 2, 2)
  frames = line['frames_per_second'] * line['seconds']
  assert frames == pytest.approx(views * 2 * 2, rel=0.05)
  assert line['step_ms'] == pytest.approx(1e3 * line['seconds'], rel=0.01)


def test_memory(tmp_path):
  sizes = ['--sequences=2', '--frames=2', '--devices=1', '--dtype=bfloat16']
  status, (line,), said = benchmark(
    tmp_path, 'memory', '--step=gaitset', '--setting=microbatches=2', *sizes
  )
  assert status == 0, said
  assert line['temporary_gb'] >= line['kept_gb'] > 0
  assert line['setting'] == ['microbatches=2']


def test_embed_beside_another_program(tmp_path):
  theirs = 'print(\'{"frames_per_second": 8.0}\')'
  status, lines, said = benchmark(
    tmp_path, 'embed', '--sequences=1', '--frames=2', '--devices=1',
    '--repeats=1', '--rounds=1', '--dtype=bfloat16',
    '--beside', shlex.join([sys.executable, '-c', theirs]),
  )  # fmt: skip
  assert status == 0, said
  assert [line['part'] for line in lines] == ['encoder', 'embedding']
  for line in lines:
    assert line.keys() >= SPEED | SIZE | {'compile_seconds'}
    assert line['dtype'] == 'bfloat16'
    ratio = line['frames_per_second'] / 8
    assert line['ratio'] == pytest.approx(ratio, abs=1e-3)
    assert line['beside_frames_per_second'] == 8


def test_input(tmp_path):
  loaders = ('array', 'device')
  status, lines, said = benchmark(
    tmp_path, 'input', '--subjects=8', '--clips=4', '--frames=2',
    '--seconds=0.1', *(f'--loader={loader}' for loader in loaders),
  )  # fmt: skip
  assert status == 0, said
  assert tuple(line['loader'] for line in lines) == loaders
  for line in lines:
    assert line.keys() >= {'clips_per_second', 'step_ms', 'fed_ms', 'device'}
    clips = line['clips_per_second'] * line['step_ms']
    assert clips == pytest.approx(1e3 * 4, rel=0.05)


def test_busy(tmp_path):
  status, (line,), said = benchmark(
    tmp_path, 'busy', '--subjects=8', '--clips=4', '--frames=2',
    '--steps=3', '--devices=2', '--loader=array',
  )  # fmt: skip
  assert status == 0, said
  assert (line['loader'], line['steps'], line['devices']) == ('array', 3, 2)
  assert 0 < line['device_busy'] < 1
  assert line['step_ms'] > line['longest_gaps'][0]['ms'] / 3 > 0


@pytest.mark.slow
def test_busy_tells_of_a_profile_of_training(packed_file, tmp_path):
  settings = 'stages=pretrain', 'pretrain.steps=8', 'log.profile_at_step=2'
  small_run.run(small_run.overrides(packed_file, tmp_path, *settings))
  folder = tmp_path / 'pretrain/profile'
  status, (line,), said = benchmark(tmp_path, 'busy', f'--profile={folder}')
  assert status == 0, said
  assert line['steps'] == 4 and 0 < line['device_busy'] < 1


def test_evaluate(tmp_path):
  status, lines, said = benchmark(
    tmp_path, 'evaluate', '--sequences=3', '--max_frames=2', '--repeats=1'
  )
  assert status == 0, said
  assert [line['batching'] for line in lines] == [
    'buckets',
    'one at a time',
    'one at a time, unpadded',
  ]
  for line in lines:
    assert line.keys() >= SPEED | SIZE | {'sequences_per_second'}
    assert (line['sequences'], line['frames']) == (3, 6)
    sequences = line['sequences_per_second'] * line['seconds']
    assert sequences == pytest.approx(3, rel=0.1)


def test_search(tmp_path):
  status, (line,), said = benchmark(
    tmp_path, 'search', '--probes=3', '--gallery=5', '--repeats=1'
  )
  assert status == 0, said
  assert line.keys() >= {'probes_per_second', 'distances_per_second', 'seconds'}
  assert line.keys() >= {'device', 'peak_memory_gb', 'first_seconds'}


@pytest.mark.parametrize(
  'options, word',
  [
    (['--sequences=3', '--devices=2'], '--sequences'),
    (['--beside=false'], 'frames_per_second from false'),
    (['--beside=no-such-program'], '--beside'),
  ],
)
def test_what_cannot_be_run_ends_with_a_sentence(options, word, tmp_path):
  small = ['--frames=1', '--repeats=1', '--rounds=1', '--devices=1']
  status, lines, said = benchmark(
    tmp_path, 'embed', '--sequences=1', *small, *options
  )
  assert status == 1 and not lines
  assert said.splitlines()[-1].startswith('error: expected')
  assert word in said.splitlines()[-1]
