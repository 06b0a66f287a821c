"""Each case of scripts/benchmark.py once, tiny; users rely on the keys."""

import json
import shlex
import sys

import benchmark
import jax
import pytest
import small_run
from benchmarks import beside, common, use_case

from selfgait_jax import errors
from selfgait_jax.machine import sharding

# The cases step and memory compile the same program.
STEP = '--step=gaitset --sequences=2 --frames=2 --devices=2'
FEW = '--subjects=8 --clips=4 --frames=2 --loader=device'
DEVICE = 'device peak_memory_gb'
DEVICES = f'{DEVICE} devices'
SIZE = 'sequences frames dtype'
SPEED = 'frames_per_second seconds'
LOADER = f'{DEVICES} loader step clips frames workers sequences load_seconds'
SLOW = 'memory', 'evaluate', 'step'  # cases
KEYS = {
  f'step {STEP} --repeats=1': f'{DEVICES} {SIZE} {SPEED} step tflop input_ms '
  'transfer_ms step_ms compile_seconds',
  f'memory {STEP} --setting=microbatches=1': f'{DEVICES} {SIZE} step setting '
  'kept_gb temporary_gb compile_seconds',
  'embed --model=gaitset --sequences=2 --frames=2 --repeats=1 --devices=2': (
    f'{DEVICES} {SIZE} {SPEED} model part compile_seconds'
  ),
  'evaluate --sequences=3 --max_frames=2 --repeats=1': f'{DEVICES} {SIZE} '
  f'{SPEED} batching sequences_per_second first_seconds',
  'search --probes=3 --gallery=5 --repeats=1': f'{DEVICE} probes_per_second '
  'distances_per_second seconds dtype nearest all_pairs_seconds first_seconds '
  'probes gallery metric parts features',
  'discover --people=4 --walks=2 --cameras=2 --parts=3 --features=4': (
    f'{DEVICE} seconds sequences classes setting people walks cameras parts '
    'features'
  ),
  'rates --size=8 --repeats=1': f'{DEVICES} matrix_tflops dtype size '
  'memory_gb_per_second',
  f'input {FEW} --seconds=0.1': f'{LOADER} clips_per_second step_ms fed_ms '
  'fed_share seconds',
  f'busy {FEW} --steps=3': f'{LOADER} device_busy copying_only step_ms steps '
  'kernels_per_step longest_gaps least_busy',
}


@pytest.fixture
def run(monkeypatch, capsys):
  """Runs a case here, with fewer optimisations; returns its JSON lines."""
  jax.config.update('jax_disable_most_optimizations', True)
  monkeypatch.setattr(
    common,
    'make_mesh',
    lambda wanted: sharding.make_mesh(jax.devices()[: wanted or None]),
  )

  def run(arguments):
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', *shlex.split(arguments)])
    status = benchmark.main()
    said = capsys.readouterr()
    assert status == 0, said.err
    return [json.loads(line) for line in said.out.splitlines()]

  yield run
  jax.config.update('jax_disable_most_optimizations', False)


@pytest.mark.slow
def test_use_times_all_that_people_do(run, monkeypatch):
  monkeypatch.setattr(use_case, 'LONG', 40)
  monkeypatch.setattr(use_case, 'VIDEO', 100)
  lines = run(
    'use --clips=2 --enrolled=5 --probes=2 --parts=2 --features=3 --repeats=1'
  )
  assert [line['what'] for line in lines][:3] == [
    'selfgait --help',
    'first embedding',
    'first embedding, programs kept',
  ]
  assert [line['what'] for line in lines][-3:] == [
    'enrolling one clip',
    'page view',
    '60 frames dropped on the page',
  ]
  assert len(lines) == 13
  for line in lines:
    assert line['seconds'] > 0 and line['checkpoint'] == 'walkers'


@pytest.mark.parametrize(
  'arguments',
  [
    pytest.param(case, marks=[pytest.mark.slow] * case.startswith(SLOW))
    for case in KEYS
  ],
  ids=lambda text: text.split()[0],
)
def test_keys_of_each_case(arguments, run):
  for line in run(arguments):
    assert line.keys() == {'case', *KEYS[arguments].split()}
    if line['case'] in ('step', 'embed'):
      frames = line['frames_per_second'] * line['seconds']
      assert frames == pytest.approx(2 * 2, rel=0.1)
    if line['case'] == 'memory':
      assert line['temporary_gb'] >= line['kept_gb'] > 0
    if line['case'] == 'busy':
      assert line['steps'] == 3 and 0 < line['device_busy'] <= 1


@pytest.mark.slow
def test_a_frame_of_two_views_counts_twice(run):
  (line,) = run('step --sequences=2 --frames=2 --repeats=1 --devices=2')
  frames = line['frames_per_second'] * line['seconds']
  assert frames == pytest.approx(2 * 2 * 2, rel=0.1)


@pytest.mark.slow
def test_busy_reads_a_profile_of_training(packed_file, tmp_path, run):
  settings = 'stages=pretrain', 'pretrain.steps=8', 'log.profile_at_step=2'
  small_run.run(small_run.overrides(packed_file, tmp_path, *settings))
  (line,) = run(f'busy --profile={tmp_path / "pretrain/profile"}')
  assert line['steps'] == 4 and 0 < line['device_busy'] < 1


def test_it_runs_from_another_folder(benchmark_lines):
  (line,) = benchmark_lines('rates', '--size=8', '--repeats=1', '--devices=1')
  assert line['size'] == 8 and line['devices'] == 1


def test_the_ratio_is_that_of_the_middle_round(monkeypatch):
  own, other, order = iter((10, 40, 20)), iter((10, 20, 8)), []

  def run(command):
    order.append(command[0])
    rate = next(other if command == ['torch', 'step'] else own)
    return [{'frames_per_second': rate}]

  monkeypatch.setattr(beside, '_run', run)
  (line,) = beside.compare('torch step', 3)
  assert (line['ratio'], line['ratios']) == (2.0, [1.0, 2.0, 2.5])
  assert line['frames_per_second'] == 40
  assert line['beside_frames_per_second'] == 20
  assert [i for i, name in enumerate(order) if name == 'torch'] == [0, 3, 4]


@pytest.mark.parametrize('command', ['false', 'echo {}', 'no-such-program'])
def test_another_program_that_gives_no_rate(command):
  with pytest.raises(errors.UserError, match='frames_per_second|--beside'):
    list(beside.compare(command, 1))
