"""The launch scripts for TPU slices and Slurm, with stand-ins for both."""

import os
import pathlib
import subprocess

import pytest

SCRIPTS = pathlib.Path(__file__).parents[2] / 'scripts'
GIVEN = ['--name=slice', '--zone=europe-west4-b', '--project=gait']
ARGUMENTS = ['--config=configs/casiab.py', '--workdir=/mnt/gait/a b']


def launch(script, *arguments, **environment):
  return subprocess.run(
    ['bash', SCRIPTS / script, *arguments],
    capture_output=True,
    text=True,
    env=os.environ | environment,
  )


def stand_in(path, text):
  """A program of this name, for a launch script to find."""
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(f'#!/usr/bin/env bash\n{text}\n')
  path.chmod(0o755)


def test_tpu_pod_prints_its_commands():
  ended = launch('run_tpu_pod.sh', *GIVEN, '--dry-run', '--', *ARGUMENTS)
  assert ended.returncode == 0, ended.stderr
  archive, copy, install, run = ended.stdout.splitlines()
  assert archive.startswith('git ') and ' archive ' in archive
  for line, words in (
    (copy, ' scp '),
    (install, ' ssh requirements.txt'),
    (run, ' ssh selfgait_jax.main'),
  ):
    assert line.startswith('gcloud compute tpus tpu-vm ')
    for word in ('slice', '--worker=all', *GIVEN[1:], *words.split()):
      assert word in line


@pytest.mark.parametrize('status', [0, 3])
def test_tpu_pod_on_this_machine_as_a_worker(status, tmp_path):
  worker = tmp_path / 'worker'
  (worker / 'selfgait_jax').mkdir(parents=True)
  stand_in(
    tmp_path / 'gcloud',
    f'cd {worker}; last=${{!#}}; exec bash -c "${{last#--command=}}"',
  )
  say = f'printf "<%s>\\n" "$@"; exit {status}'
  stand_in(worker / 'selfgait_venv/bin/python', say)
  path = f'{tmp_path}:{os.environ["PATH"]}'
  ended = launch(
    'run_tpu_pod.sh', *GIVEN, '--no-setup', '--', *ARGUMENTS, PATH=path
  )
  assert ended.returncode == status
  words = ['-m', 'selfgait_jax.main', *ARGUMENTS, '--config.distributed=on']
  said = [f'<{word}>' for word in words]
  assert (worker / 'selfgait_jax.log').read_text().splitlines() == said
  assert ended.stdout.splitlines() == said


@pytest.mark.parametrize(
  'given, word', [(GIVEN[1:], '--name'), ([*GIVEN, '--worker=1'], '--worker=1')]
)
def test_tpu_pod_names_what_is_missing(given, word):
  ended = launch('run_tpu_pod.sh', '--dry-run', *given)
  assert ended.returncode == 1 and not ended.stdout
  (line,) = ended.stderr.splitlines()
  assert line.startswith('error: expected') and word in line


@pytest.mark.parametrize(
  'found, status, said',
  [
    (False, 0, 'requeue 7'),
    (True, 0, ''),
    (False, 3, ''),
    (False, 143, 'requeue 7'),  # ended by the signal
  ],
)
def test_slurm_job_is_requeued_until_it_has_a_result(
  found, status, said, tmp_path
):
  stand_in(tmp_path / 'srun', f'echo "$*" >&2; exit {status}')
  stand_in(tmp_path / 'scontrol', 'echo "$@"')
  if found:
    (tmp_path / 'results.json').touch()
  ended = launch(
    'slurm_example.sh',
    PATH=f'{tmp_path}:{os.environ["PATH"]}',
    WORKDIR=str(tmp_path),
    SLURM_SUBMIT_DIR=str(SCRIPTS.parent),
    SLURM_JOB_ID='7',
  )
  assert ended.returncode == status % 143, ended.stderr
  assert ended.stdout.strip() == said
  assert f'--workdir={tmp_path} ' in ended.stderr
