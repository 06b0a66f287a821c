"""SIGTERM and Ctrl-C: what was learnt is saved, anything else ends at once."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

from absl import logging

SIGNALS = (signal.SIGTERM, signal.SIGINT)
TWICE_SECONDS = 1.0  # `timeout` signals a program and its group: that is once

_learning = False  # is there something to be saved first?
_asked = None  # (when, number of the signal): the loop was asked to end


class Stopped(Exception):
  """The run was asked to end and has saved its state."""


def answer(words: str) -> None:
  """From here on a signal ends the process, with a sentence and 128 + number.

  Nothing is cleaned up: all files appear whole or not at all, but for the last
  line of `metrics.jsonl`, which readers pass over. A thread of its own does it,
  because Python calls a handler in the main one alone, which may be waiting for
  a compiler or for another process.

  Args:
    words: of the sentence, what becomes of the work.
  """
  heard, told = os.pipe()
  os.set_blocking(told, False)
  signal.set_wakeup_fd(told)
  for number in SIGNALS:
    signal.signal(number, lambda *_: None)
  threading.Thread(target=_listen, args=(heard, words), daemon=True).start()


def end_by(end: Callable[[str, int], NoReturn]) -> None:
  """Has `end` end the process, of which it gets the words and the status."""
  global _end
  _end = end


@contextlib.contextmanager
def stop_flag() -> Iterator[Callable[[], bool]]:
  """Yields a function: was this process asked to end?

  Within the block the first signal that `answer` hears asks only; the next one
  ends the process, and so does the end of the block, should nobody have looked.
  """
  global _learning, _asked
  _asked, _learning = None, True
  try:
    yield lambda: _asked is not None
  finally:
    _learning = False
  if _asked:
    os.kill(os.getpid(), _asked[1])


def say(words: str) -> None:
  """A line on standard error, from any thread, whoever holds its locks."""
  with contextlib.suppress(OSError):
    os.write(2, f'{words}\n'.encode())


def _listen(heard, words):
  global _asked
  while True:
    number = os.read(heard, 1)[0]
    if number not in SIGNALS:
      continue
    if not _learning:
      _leave(number, words)
    elif not _asked:
      _asked = time.monotonic(), number
      if not _learning:  # since just now, and it did not see this
        _leave(number, words)
      logging.warning('signal %d: saving after this step', number)
    elif time.monotonic() - _asked[0] > TWICE_SECONDS:
      _leave(
        number,
        'nothing was saved since the last complete checkpoint, from which the '
        'same command goes on',
      )


def _leave(number, words):
  _end(f'stopped by {signal.Signals(number).name}; {words}', 128 + number)


def _end(words, status):
  say(words)
  os._exit(status)
