"""Worker processes that end with their parent, and progress with an ETA."""

import concurrent.futures
import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from selfgait_jax import errors
from selfgait_jax.data.prepare import reading
from selfgait_jax.machine import progress

_PARENT_SECONDS = 2.0  # that a worker leaves its parent to end first
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's prctl
_function = None  # of a worker


def run(function: Callable, items: Iterable, workers: int) -> Iterator[Any]:
  """Yields `function(item)` for every item, in the order they are finished.

  Workers are spawned: they import the module of `function` and nothing else of
  the parent, neither JAX nor TensorFlow. They end when the parent ends, however
  it ends. With one worker everything runs in this process.

  Raises:
    errors.UserError: a worker was killed.
  """
  if workers <= 1:
    yield from map(function, items)
    return
  # Python's resource tracker warns when it cleans up after a killed parent.
  os.environ.setdefault('PYTHONWARNINGS', 'ignore:resource_tracker')
  pool = concurrent.futures.ProcessPoolExecutor(
    workers,
    mp_context=multiprocessing.get_context('spawn'),
    initializer=_start_worker,
    initargs=(function,),
  )
  items, running = iter(items), set()
  try:
    while True:
      for item in items:
        with _main_module_hidden(), _ctrl_c_kept_back():
          running.add(pool.submit(_call, item))
        if len(running) >= 2 * workers:
          break
      if not running:
        return
      done, running = concurrent.futures.wait(
        running, return_when=concurrent.futures.FIRST_COMPLETED
      )
      for future in done:
        yield future.result()
  except concurrent.futures.process.BrokenProcessPool as error:
    raise errors.UserError(
      'expected all worker processes to live, found one killed, perhaps for'
      ' lack of memory; use fewer workers, and finished work is kept'
    ) from error
  finally:
    pool.shutdown(wait=True, cancel_futures=True)


def track(
  items: Iterable, total: int, unit: str, report: Callable[[str], None]
) -> Iterator[Any]:
  """Passes items on and reports count, rate and remaining time.

  Args:
    items: any iterable.
    total: how many there are.
    unit: what is counted, for example 'subjects'.
    report: called with a line of text every two seconds and at the end.
  """
  counter = progress.Counter(total, unit)
  for item in items:
    yield item
    line = counter.add()
    if line:
      report(line)


def _start_worker(function):
  """Keeps the function and sees to it that the worker ends with its parent."""
  global _function
  _function = function
  reading.limit_memory()
  signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles it
  signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
  signal.signal(signal.SIGTERM, _end_soon)
  threading.Thread(target=_end_with_parent, daemon=True).start()
  if sys.platform == 'linux':
    # The thread above waits for as long as a computation holds Python's lock.
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != multiprocessing.parent_process().pid:
      os._exit(1)  # it ended before that call


def _end_with_parent():
  multiprocessing.parent_process().join()
  os._exit(1)


def _end_soon(*_):
  """Answers SIGTERM after a pause, so that the parent can speak first.

  A SIGTERM to the whole group reaches the parent as well, which says why it
  ends. Workers must not ignore the signal: after one of them was killed, the
  pool sends it to the others and waits for them.
  """
  time.sleep(_PARENT_SECONDS)
  os._exit(1)


def _call(item):
  return _function(item)


@contextlib.contextmanager
def _main_module_hidden():
  """Keeps spawned workers from importing the parent's main script.

  They would import everything that it imports, JAX and TensorFlow included.
  """
  main = sys.modules['__main__']
  sys.modules['__main__'] = types.ModuleType('__main__')
  try:
    yield
  finally:
    sys.modules['__main__'] = main


@contextlib.contextmanager
def _ctrl_c_kept_back():
  """Blocks SIGINT in workers until they ignore it.

  A Ctrl-C while they start would otherwise show their traceback.
  """
  before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
  try:
    yield
  finally:
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
