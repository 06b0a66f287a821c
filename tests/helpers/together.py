"""Runs of several processes over loopback, as on several machines."""

import socket
import time

import small_run

# Unoptimised, because only process 0 finds its programs in the cache.
QUICK = {'JAX_DISABLE_MOST_OPTIMIZATIONS': '1'}


def start(arguments, processes=2, devices=1, tensorflow=False):
  """Starts the processes, each with `devices` CPU devices."""
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    address = f'127.0.0.1:{free.getsockname()[1]}'
  started = []
  for number in range(processes):
    variables = QUICK | {'JAX_NUM_CPU_DEVICES': str(devices)}
    if processes > 1:
      variables |= {
        'JAX_COORDINATOR_ADDRESS': address,
        'JAX_NUM_PROCESSES': str(processes),
        'JAX_PROCESS_ID': str(number),
      }
    started.append(
      small_run.start(arguments, tensorflow=tensorflow, variables=variables)
    )
  return started


def finish(started):
  """[(exit status, standard error)] of all."""
  try:
    return [small_run.finish(process) for process in started]
  finally:
    for process in started:
      process.kill()


def run(arguments, processes=2, devices=1, tensorflow=False):
  """Runs them, expects status 0 and returns the standard error of each."""
  ends = finish(start(arguments, processes, devices, tensorflow))
  assert [status for status, _ in ends] == [0] * processes, ends
  return [words for _, words in ends]


def wait_until(ready, started):
  """Waits until `ready()`; fails if a process ends before."""
  deadline = time.monotonic() + 300
  while not ready():
    if any(process.poll() is not None for process in started):
      raise AssertionError(finish(started))
    assert time.monotonic() < deadline
    time.sleep(0.001)


def logged(workdir, stage='pretrain'):
  """Steps in the log so far."""
  path = workdir / stage / 'metrics.jsonl'
  return path.read_text().count('\n') if path.exists() else 0


def saved(workdir, stage='pretrain'):
  """Steps of the complete checkpoints."""
  folder = workdir / stage / 'checkpoints'
  return sorted(int(p.name) for p in folder.glob('*') if p.name.isdigit())
