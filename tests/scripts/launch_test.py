"""The launch scripts for TPU slices and Slurm, with stand-ins for both."""

import os

import pytest

GIVEN = ['--name=slice', '--zone=europe-west4-b', '--project=gait']
ARGUMENTS = ['--config=configs/casiab.py', '--workdir=/mnt/gait/a b']


def stand_in(path, text):
  """A program of this name, for a launch script to find."""
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(f'#!/usr/bin/env bash\n{text}\n')
  path.chmod(0o755)


def test_tpu_pod_prints_its_commands(script):
  ended = script('run_tpu_pod.sh', *GIVEN, '--dry-run', '--', *ARGUMENTS)
  lines = ended.stdout.splitlines()
  expected = 'git archive', 'scp slice', 'ssh slice install', 'ssh slice main'
  for line, words in zip(lines, expected, strict=True):
    assert all(word in line for word in words.split())
  assert all(option in line for line in lines[1:] for option in GIVEN[1:])


@pytest.mark.parametrize('status', [0, 3])
def test_tpu_pod_on_this_machine_as_a_worker(status, tmp_path, script):
  worker = tmp_path / 'worker'
  (worker / 'selfgait_jax').mkdir(parents=True)
  stand_in(
    tmp_path / 'gcloud',
    f'cd {worker}; last=${{!#}}; exec bash -c "${{last#--command=}}"',
  )
  say = f'printf "<%s>\\n" "$@"; exit {status}'
  stand_in(worker / 'selfgait_venv/bin/python', say)
  path = f'{tmp_path}:{os.environ["PATH"]}'
  given = [*GIVEN, '--no-setup', '--', *ARGUMENTS]
  ended = script('run_tpu_pod.sh', *given, PATH=path)
  assert ended.returncode == status
  words = ['-m', 'selfgait_jax.main', *ARGUMENTS, '--config.distributed=on']
  said = [f'<{word}>' for word in words]
  assert (worker / 'selfgait_jax.log').read_text().splitlines() == said
  assert ended.stdout.splitlines() == said


def test_tpu_pod_names_what_is_missing(script):
  ended = script('run_tpu_pod.sh', '--dry-run', *GIVEN[1:])
  assert ended.returncode == 1 and not ended.stdout
  assert ended.stderr.startswith('error: expected the name of a TPU slice')


@pytest.mark.parametrize(
  'status, result, requeued',
  [(0, False, True), (0, True, False), (3, False, False), (143, False, True)],
)
def test_slurm_requeues_until_there_is_a_result(
  status, result, requeued, tmp_path, script
):
  """143: the run ended by the signal."""
  stand_in(tmp_path / 'srun', f'echo "$*" >&2; exit {status}')
  stand_in(tmp_path / 'scontrol', 'echo "$@"')
  if result:
    (tmp_path / 'results.json').touch()
  ended = script(
    'slurm_example.sh', WORKDIR=str(tmp_path), SLURM_SUBMIT_DIR=str(tmp_path),
    SLURM_JOB_ID='7', PATH=f'{tmp_path}:{os.environ["PATH"]}',
  )  # fmt: skip
  assert ended.returncode == status % 143, ended.stderr
  assert ended.stdout.split() == ['requeue', '7'] * requeued
  assert f'--workdir={tmp_path} ' in ended.stderr
