"""Worker processes, when one of them is lost."""

import os
import signal
import time

import pytest

from selfgait_jax import errors
from selfgait_jax.data.prepare import worker_pool


@pytest.mark.slow
def test_a_lost_worker_is_told_even_if_it_held_a_lock():
  """An idle one does, in which it waits for work; no other then gets any."""
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
