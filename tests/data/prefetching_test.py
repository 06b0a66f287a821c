"""Batches come in order, and a loader never keeps its process alive."""

import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from selfgait_jax.data import prefetching


@pytest.mark.parametrize('loader', ['thread_batches', 'tfdata_batches'])
def test_batches_come_in_order_if_some_are_late(loader):
  def late(step):
    time.sleep(0.02 * (step % 3 == 0))
    return {'label': np.full(1, step, np.int32)}

  batches = getattr(prefetching, loader)(late, range(5, 25), workers=4, ahead=4)
  assert [batch['label'][0] for batch in batches] == list(range(5, 25))


def test_abandoned_threads_let_the_process_end():
  """In a fresh process, where importing TensorFlow fails."""
  run_abandoned('thread_batches', "sys.modules['tensorflow'] = None")


@pytest.mark.slow
def test_abandoned_tfdata_lets_the_process_end():
  run_abandoned('tfdata_batches', '')


def run_abandoned(loader, first):
  """Ends a process that has batches under way, as a failing run does."""
  program = f"""
    import sys, time
    {first}
    sys.path[:0] = {sys.path!r}
    import numpy as np
    from selfgait_jax.data import prefetching
    def slow(step):
      time.sleep(0.03)
      return {{'label': np.zeros(1, np.int32)}}
    batches = prefetching.{loader}(slow, range(10**9), 2, 4)
    next(batches)
    raise SystemExit(7)
  """
  command = [sys.executable, '-c', textwrap.dedent(program)]
  done = subprocess.run(command, timeout=150, stderr=subprocess.PIPE)
  assert done.returncode == 7, done.stderr.decode()
