"""SIGTERM and SIGINT as a question that the loop asks after each step."""

import contextlib
import signal
import threading

from absl import logging


class Stopped(Exception):
  """The run was asked to end (SIGTERM) and has saved its state."""


@contextlib.contextmanager
def stop_flag():
  """Yields a function: was this process asked to end?

  A second signal ends it at once. Preemption notices of clusters and a
  `kill` arrive as SIGTERM, Ctrl-C as SIGINT. Outside the main thread, where
  Python delivers no signals, the answer is always no.
  """
  asked = []

  def handler(number, frame):
    if asked:
      signal.default_int_handler(number, frame)
    asked.append(number)
    logging.warning('signal %d: saving after this step', number)

  before = {}
  if threading.current_thread() is threading.main_thread():
    for number in (signal.SIGTERM, signal.SIGINT):
      before[number] = signal.signal(number, handler)
  try:
    yield lambda: bool(asked)
  finally:
    for number, previous in before.items():
      signal.signal(number, previous)
