"""Many devices: the paper model, the benchmark's cases, the launch scripts."""

import json
import os
import pathlib
import subprocess
import sys
import types

import jax
import pytest
import scaling_model
from benchmarks import scaling

from selfgait_jax.models import factory
from selfgait_jax.settings import networks

ROOT = pathlib.Path(__file__).parents[2]
POD = ROOT / 'scripts' / 'run_tpu_pod.sh'
GIVEN = ['--name=slice', '--zone=europe-west4-b', '--project=gait']
ARGUMENTS = ['--config=configs/casiab.py', '--workdir=/mnt/gait/a b']


def program(*command, **environment):
  return subprocess.run(
    [str(word) for word in command],
    capture_output=True,
    text=True,
    env=os.environ | environment,
    timeout=300,
  )


def test_a_row_of_the_model_by_hand():
  chip, step = scaling_model.V5P, scaling_model.SELFGAIT
  found = scaling_model.step_seconds(step, chip, 64, 16, 0.4, overlap=False)
  compute = 6.188e12 / 128 * 16 / (0.4 * 459e12)  # 4.213 ms
  # 8.83 MB round a ring of 64 at 0.7 x 600 GB/s; 3 axes of 4 chips, there and
  # back half way: 12 hops of 1 us.
  gradient = 2 * 63 / 64 * 8827776 / 420e9 + 12e-6  # 0.0534 ms
  small = 12 * 12e-6
  assert found['compute'] == pytest.approx(compute)
  assert found['gradient'] == pytest.approx(gradient)
  assert found['small'] == pytest.approx(small)
  share = scaling_model.efficiency(step, chip, 64, 16, 0.4, False)
  assert share == pytest.approx(compute / (compute + gradient + small))
  assert share == pytest.approx(0.955, abs=5e-4)


def test_the_models_counts_are_those_of_our_networks():
  for step, name in (
    (scaling_model.SELFGAIT, 'selfgait'),
    (scaling_model.DEEPGAIT, 'deepgaitv2'),
  ):
    settings = getattr(networks, name)()
    shapes = factory.variable_shapes(factory.make_model(settings), 44)
    sizes = [x.size for x in jax.tree.leaves(shapes['params'])]
    assert step.gradient == 4 * sum(sizes)


def test_the_documents_tables_are_the_programs():
  ended = program(sys.executable, ROOT / 'scripts' / 'scaling_model.py')
  assert ended.returncode == 0, ended.stderr
  document = (ROOT / 'docs' / 'scaling.md').read_text()
  rows = [line for line in ended.stdout.splitlines() if line.startswith('|')]
  assert len(rows) > 40
  assert [row for row in rows if row not in document] == []


def test_messages_of_a_program():
  program = """
  %a = (f32[64]{0}, /*index=1*/bf16[2,3]{1,0}) all-reduce(%x, %y), dimensions={}
  %b = (s32[4]{0}, s32[16]{0}) all-gather-start(%all-reduce), dimensions={0}
  %b.1 = s32[16]{0} all-gather-done(%b)
  ROOT %c = pred[] all-reduce(%z)
  %d = f32[9]{0} fusion(%all-gather), calls=%f
  """
  assert scaling.count_messages(program) == [
    ('all-reduce', 4 * 64 + 2 * 6),
    ('all-gather', 4 * 16),
    ('all-reduce', 1),
  ]


def test_a_message_that_a_tpu_works_beside_counts_once():
  gather = '%g = f32[8]{0:T(128)S(1)} all-gather(%p), channel_id=7'
  program = f"""
%fused_computation.1 (p: f32[2]) -> f32[8] {{
  {gather}
}}
%async_collective_fusion.2 (p: f32[2]) -> (f32[8], f32[3]) {{
  {gather}
}}
%fused_computation.3 (p: f32[2]) -> f32[8] {{
  {gather}
}}
ENTRY %main (p: f32[2]) -> f32[8] {{
  %async-collective-start = f32[8] fusion(%p), calls=%fused_computation.1
  %fusion.2 = (f32[8], f32[3]) fusion(%p), calls=%async_collective_fusion.2
  %async-collective-done = f32[8] fusion(%fusion.2), calls=%fused_computation.3
  %a = f32[3]{{0}} all-reduce(%x), channel_id=1
  %b = f32[3]{{0}} all-reduce(%a), channel_id=1
}}
"""
  assert scaling.count_messages(program) == [
    ('all-gather', 32),
    ('all-reduce', 12),
    ('all-reduce', 12),
  ]


def test_efficiency_is_against_the_first_of_its_kind(monkeypatch):
  asked = []

  def measure(options, scaling, devices, processes):
    asked.append((scaling, devices, processes))
    rate = 10.0 * (1 if devices == 1 else 1.5) + len(asked) / 100
    facts = {'sequences': 2, 'frames': 3, 'dtype': 'float32', 'device': 'cpu'}
    return {'frames_per_second': rate, 'seconds': 0.1, **facts}

  monkeypatch.setattr(scaling, 'measure', measure)
  options = types.SimpleNamespace(
    devices=[1, 2], processes=[1, 2], rounds=2, step='selfgait'
  )
  lines = list(scaling.scaling_case(options))
  cases = [
    (scaling, devices, processes)
    for scaling in ('weak', 'strong')
    for devices, processes in ((1, 1), (2, 1), (2, 2))
  ]
  assert asked == cases + cases[::-1]
  names = 'scaling', 'devices', 'processes'
  assert [tuple(line[name] for name in names) for line in lines] == cases
  efficiencies = [line['efficiency'] for line in lines]
  assert efficiencies == pytest.approx([1, 0.75, 0.75] * 2, abs=2e-3)


@pytest.mark.slow  # five programs, each of which compiles a step
def test_scaling_over_devices_and_processes():
  ended = program(
    sys.executable, ROOT / 'scripts' / 'benchmark.py', 'scaling',
    '--devices=1', '--processes=2', '--sequences=1', '--total=2', '--frames=1',
    '--repeats=1', '--rounds=1', '--step=gaitset',
    XLA_FLAGS='--xla_backend_optimization_level=0',
  )  # fmt: skip
  assert ended.returncode == 0, ended.stderr
  lines = [json.loads(line) for line in ended.stdout.splitlines()]
  names = 'scaling', 'devices', 'processes', 'sequences'
  assert [tuple(line[name] for name in names) for line in lines] == [
    ('weak', 1, 1, 1),
    ('weak', 2, 2, 2),
    ('strong', 1, 1, 2),
    ('strong', 2, 2, 2),
  ]
  for line in lines:
    assert line['frames_per_second'] > 0 and line['seconds'] > 0
  assert lines[0]['efficiency'] == lines[2]['efficiency'] == 1


@pytest.mark.slow  # compiles a step
def test_count():
  ended = program(
    sys.executable, ROOT / 'scripts' / 'benchmark.py', 'count',
    '--devices=2', '--sequences=128', '--frames=30',
    XLA_FLAGS='--xla_backend_optimization_level=0',
  )  # fmt: skip
  assert ended.returncode == 0, ended.stderr
  line = json.loads(ended.stdout)
  model = scaling_model.SELFGAIT
  assert line['tflop'] * 1e12 == pytest.approx(128 * model.flop, rel=1e-3)
  assert line['parameters'] * 4 == model.gradient
  assert line['messages'] == model.small + 1


def test_scaling_that_cannot_be_run_ends_with_a_sentence():
  ended = program(
    sys.executable, ROOT / 'scripts' / 'benchmark.py', 'scaling',
    '--devices=2', '--sequences=1', '--total=3', '--frames=1',
    '--repeats=1', '--rounds=1', '--devices=two',
  )  # fmt: skip
  assert ended.returncode == 2 and 'with commas between' in ended.stderr


def stub(path, text):
  """A program of the name, for a launch script to find."""
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(f'#!/usr/bin/env bash\n{text}\n')
  path.chmod(0o755)


def test_launch_scripts_are_shell():
  for name in ('run_tpu_pod.sh', 'slurm_example.sh'):
    ended = program('bash', '-n', ROOT / 'scripts' / name)
    assert ended.returncode == 0, ended.stderr


def test_tpu_pod_says_what_it_would_run():
  ended = program('bash', POD, *GIVEN, '--dry-run', '--', *ARGUMENTS)
  assert ended.returncode == 0, ended.stderr
  archive, copy, install, run = ended.stdout.splitlines()
  assert archive.startswith('git ') and ' archive ' in archive
  for line in (copy, install, run):
    assert line.startswith('gcloud compute tpus tpu-vm ')
    for word in ('slice', '--worker=all', '--zone=europe-west4-b'):
      assert word in line
    assert '--project=gait' in line
  assert ' scp ' in copy and ' ssh ' in install and ' ssh ' in run
  assert 'requirements.txt' in install and 'selfgait_jax.main' in run


@pytest.mark.parametrize('status', [0, 3])
def test_tpu_pod_on_this_machine_as_a_worker(status, tmp_path):
  worker = tmp_path / 'worker'
  (worker / 'selfgait_jax').mkdir(parents=True)
  stub(
    tmp_path / 'gcloud',
    f'cd {worker}; last=${{!#}}; exec bash -c "${{last#--command=}}"',
  )
  say = f'printf "<%s>\\n" "$@"; exit {status}'
  stub(worker / 'selfgait_venv' / 'bin' / 'python', say)
  path = f'{tmp_path}:{os.environ["PATH"]}'
  ended = program(
    'bash', POD, *GIVEN, '--no-setup', '--', *ARGUMENTS, PATH=path
  )
  assert ended.returncode == status
  words = ['-m', 'selfgait_jax.main', *ARGUMENTS, '--config.distributed=on']
  said = [f'<{word}>' for word in words]
  assert (worker / 'selfgait_jax.log').read_text().splitlines() == said
  assert ended.stdout.splitlines() == said


def test_tpu_pod_without_copy_and_install():
  ended = program(
    'bash', POD, *GIVEN, '--no-setup', '--dry-run', '--', *ARGUMENTS
  )
  assert len(ended.stdout.splitlines()) == 1 and ' ssh ' in ended.stdout


@pytest.mark.parametrize(
  'given, word',
  [
    (GIVEN[1:], '--name'),
    (GIVEN[:1], '--zone'),
    (GIVEN, '--config'),
    ([*GIVEN, '--', ARGUMENTS[0]], '--workdir'),
    ([*GIVEN, '--worker=1'], '--worker=1'),
  ],
)
def test_tpu_pod_says_what_is_missing(given, word):
  ended = program('bash', POD, '--dry-run', *given)
  assert ended.returncode == 1 and not ended.stdout
  (line,) = ended.stderr.splitlines()
  assert line.startswith('error: expected') and word in line


def test_tpu_pod_help():
  ended = program('bash', POD, '--help')
  assert ended.returncode == 0
  for word in ('--name', '--zone', '--dry-run', '--no-setup', '--workdir'):
    assert word in ended.stdout


@pytest.mark.parametrize(
  'found, status, said',
  [
    (False, 0, 'requeue 7'),
    (True, 0, ''),
    (False, 3, ''),
    (False, 143, 'requeue 7'),
  ],
)
def test_slurm_job_comes_back_until_there_is_a_result(
  found, status, said, tmp_path
):
  """A stopped run ends well and without a result, or by the signal (143)."""
  stub(
    tmp_path / 'srun',
    f'printf "%s\\n" "$@" > {tmp_path}/srun.txt; exit {status}',
  )
  stub(tmp_path / 'scontrol', 'echo "$@"')
  if found:
    (tmp_path / 'results.json').touch()
  ended = program(
    'bash', ROOT / 'scripts' / 'slurm_example.sh',
    PATH=f'{tmp_path}:{os.environ["PATH"]}', WORKDIR=str(tmp_path),
    SLURM_SUBMIT_DIR=str(ROOT), SLURM_JOB_ID='7',
  )  # fmt: skip
  assert ended.returncode == status % 143, ended.stderr
  assert ended.stdout.strip() == said
  asked = (tmp_path / 'srun.txt').read_text().splitlines()
  assert 'selfgait_jax.main' in asked and f'--workdir={tmp_path}' in asked
