"""Worker processes that outlive no parent, and progress with an ETA."""

import concurrent.futures
import contextlib
import datetime
import multiprocessing
import os
import signal
import sys
import threading
import time
import types

from selfgait_jax import errors

_REPORT_EVERY = 2.0  # seconds
_PARENT_SECONDS = 2.0  # to end first
_function = None  # of a worker


def run(function, items, workers: int):
  """Yields `function(item)` for every item, as they are finished.

  Workers are spawned: they import the module of `function` and nothing that
  the parent loaded, neither JAX nor TensorFlow. They end when the parent ends,
  however it ends. With one worker everything runs in this process.
  """
  if workers <= 1:
    yield from map(function, items)
    return
  # Of the process that clears up semaphores, where the parent had no time to.
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
      ' want of memory; use fewer workers, and finished work is kept'
    ) from error
  finally:
    pool.shutdown(wait=True, cancel_futures=True)


def track(items, total: int, unit: str, report, weigh=lambda item: 1):
  """Passes items on and reports count, rate and remaining time.

  Args:
    items: any iterable.
    total: the sum of `weigh` over all items.
    unit: what is counted, for example 'subjects'.
    report: called with a line of text every two seconds and at the end.
    weigh: what one item counts.
  """
  start = last = time.monotonic()
  count = 0
  for item in items:
    yield item
    count += weigh(item)
    now = time.monotonic()
    if now - last >= _REPORT_EVERY or count == total:
      last = now
      rate = count / max(now - start, 1e-6)
      left = (total - count) / rate if rate else 0
      eta = datetime.timedelta(seconds=round(left))
      report(f'{count:,}/{total:,} {unit}, {rate:,.1f}/s, ETA {eta}')


def _start_worker(function):
  """Takes the function, and ends with the parent, even by `kill -9`."""
  global _function
  _function = function
  signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent deals with it
  signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
  signal.signal(signal.SIGTERM, _end_soon)

  def watch():
    multiprocessing.parent_process().join()
    os._exit(1)

  threading.Thread(target=watch, daemon=True).start()


def _end_soon(*_):
  """By SIGTERM: what is sent to all, the parent answers first, with its words.

  It cannot be ignored: when a worker was killed, which may have held a lock,
  the pool ends the others by it, and waits for them.
  """
  time.sleep(_PARENT_SECONDS)
  os._exit(1)


def _call(item):
  return _function(item)


@contextlib.contextmanager
def _main_module_hidden():
  """Keeps spawned workers from importing the parent's main script again.

  They would import all that it imports, JAX and TensorFlow included.
  """
  main = sys.modules['__main__']
  sys.modules['__main__'] = types.ModuleType('__main__')
  try:
    yield
  finally:
    sys.modules['__main__'] = main


@contextlib.contextmanager
def _ctrl_c_kept_back():
  """Workers are spawned with SIGINT blocked, until they ignore it.

  Of a Ctrl-C while they start they would show a traceback.
  """
  before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
  try:
    yield
  finally:
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
