"""The program's own log lines, without the chatter of libraries."""

import logging as python_logging
import time

from absl import logging

from selfgait_jax.machine import processes, progress


def log_plainly() -> None:
  """Logs the program's own lines, each with the time since the start."""
  logging.set_verbosity(logging.INFO)
  handler = logging.get_absl_handler()
  handler.setFormatter(ElapsedFormatter())
  handler.addFilter(quiet)


def quiet(record: python_logging.LogRecord) -> bool:
  """False for a line that would bury the progress lines.

  Libraries chatter: Orbax logs in several threads what it also raises. The
  other processes would repeat what process 0 says.
  """
  hidden = ('orbax', 'asyncio')
  if record.levelno <= python_logging.INFO:
    if not processes.is_first():
      return False
    hidden += ('jax/_src', 'tensorflow_datasets')
  return not any(name in record.pathname for name in hidden)


class ElapsedFormatter(python_logging.Formatter):
  """'0:01:30 text', with the level of a warning and the process's number."""

  def __init__(self):
    super().__init__()
    self._start = time.time()

  def format(self, record: python_logging.LogRecord) -> str:
    text = f'{progress.clock(record.created - self._start)} '
    if record.levelno > python_logging.INFO:
      text += f'{record.levelname}: '
    return text + processes.name() + record.getMessage()
