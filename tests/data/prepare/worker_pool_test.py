"""Worker processes: lost ones, lost parents, and limits of time and memory."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from selfgait_jax import errors
from selfgait_jax.data.prepare import reading, worker_pool

ROOT = pathlib.Path(__file__).parents[3]
BUSY = """
import sys
from selfgait_jax.data.prepare import worker_pool
found = worker_pool.run(sum, 2 * [range(10**14)], workers=2)
print('starting', flush=True)
next(found)
"""
GREEDY = """
from selfgait_jax.data.prepare import reading, worker_pool

def allocate(size):
  try:
    with reading.limits():
      return len(bytearray(size))
  except reading.Refused as error:
    return str(error)

if __name__ == '__main__':
  import greedy
  sizes = [2**20, 2**31]
  print(sorted(worker_pool.run(greedy.allocate, sizes, 2), key=str))
"""


@pytest.mark.slow
def test_a_lost_worker_is_reported_even_if_it_held_a_lock():
  """An idle worker holds the lock of the queue; the others then get no work."""
  found = worker_pool.run(_work, [2, 30], workers=2)
  idle = next(found)
  time.sleep(0.5)
  os.kill(idle, signal.SIGKILL)
  start = time.monotonic()
  with pytest.raises(errors.UserError, match='found one killed'):
    next(found)
  assert time.monotonic() - start < 20


def _work(seconds):
  time.sleep(seconds)
  return os.getpid()


def test_busy_workers_end_with_their_parent():
  """Even if one holds Python's lock, so that none of its threads can run."""
  process = subprocess.Popen(
    [sys.executable, '-c', BUSY], cwd=ROOT, stdout=subprocess.PIPE
  )
  process.stdout.readline()
  _wait_until(lambda: len(_workers(process.pid)) == 2, 20)
  workers = _workers(process.pid)
  process.kill()
  process.wait()
  _wait_until(lambda: not any(map(_alive, workers)), 10)


def test_a_worker_may_take_so_much_memory_for_a_file(tmp_path):
  script = tmp_path / 'greedy.py'
  script.write_text(GREEDY)
  environment = {**os.environ, 'PYTHONPATH': f'{ROOT}:{tmp_path}'}
  said = subprocess.check_output([sys.executable, script], env=environment)
  assert said.decode().strip() == str(
    [2**20, 'reading it takes too much memory']
  )


def test_a_file_may_take_so_much_time(monkeypatch, tmp_path):
  monkeypatch.setattr(reading, '_SECONDS', 0.1)
  before = signal.getsignal(signal.SIGALRM)
  late = pytest.raises(reading.Refused, match='too much time, over 0.1 seconds')
  with late, reading.limits():
    time.sleep(20)
  path = tmp_path / 'a'
  path.write_bytes(b'x')
  with reading.limits():  # of each file
    for _ in range(4):
      reading.read_file(path)
      time.sleep(0.05)
  time.sleep(0.2)  # nothing is left running
  assert signal.getsignal(signal.SIGALRM) == before


def _workers(pid):
  """Children that compute: those that have taken 0.2 s of processor time."""
  path = pathlib.Path(f'/proc/{pid}/task/{pid}/children')
  return [child for child in path.read_text().split() if _is_busy(child)]


def _is_busy(pid):
  stat = pathlib.Path(f'/proc/{pid}/stat')
  command = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
  ticks = int(stat.read_text().rsplit(')')[1].split()[11])
  return b'spawn_main' in command and ticks > 0.2 * os.sysconf('SC_CLK_TCK')


def _alive(pid):
  try:
    stat = pathlib.Path(f'/proc/{pid}/stat').read_text()
  except OSError:
    return False
  return stat.rsplit(')')[1].split()[0] != 'Z'


def _wait_until(condition, seconds):
  end = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < end
    time.sleep(0.05)
