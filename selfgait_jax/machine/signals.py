"""SIGTERM and Ctrl-C: training saves its state first, all else ends at once."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

from absl import logging

SIGNALS = (signal.SIGTERM, signal.SIGINT)
# `timeout` signals a program and then its group: two signals that close
# together count as one.
TWICE_SECONDS = 1.0

_words = _words_once_saved = ''  # what becomes of the work, see `answer`
_learning = False  # is there something to be saved first?
_asked = None  # (when, number of the signal) that asked the loop to stop


class Stopped(Exception):
  """The run was asked to stop and has saved its state."""


def answer(words: str, once_saved: str = '') -> None:
  """From here on a signal ends the process, with a sentence and 128 + number.

  Nothing is cleaned up: all files appear whole or not at all, except the last
  line of `metrics.jsonl`, which readers skip. A separate thread does it: Python
  runs signal handlers in the main thread only, which may be waiting for a
  compiler or for another process.

  Args:
    words: end of the sentence: what becomes of the work.
    once_saved: the same, once a block of `stop_flag` has ended; by default
      no different.
  """
  global _words, _words_once_saved
  _words, _words_once_saved = words, once_saved or words
  heard, signalled = os.pipe()
  os.set_blocking(signalled, False)
  signal.set_wakeup_fd(signalled)
  for number in SIGNALS:
    signal.signal(number, lambda *_: None)
  threading.Thread(target=_listen, args=(heard,), daemon=True).start()


def end_by(end: Callable[[str, int], NoReturn]) -> None:
  """Sets the function that ends the process, given a sentence and a status."""
  global _end
  _end = end


@contextlib.contextmanager
def stop_flag() -> Iterator[Callable[[], bool]]:
  """Yields a function that tells whether this process was asked to stop.

  Within the block the first signal that `answer` hears only sets the flag. A
  second signal ends the process, and so does the end of the block if the flag
  was set and nobody looked.
  """
  global _learning, _asked, _words
  _asked, _learning = None, True
  try:
    yield lambda: _asked is not None
  finally:
    _words, _learning = _words_once_saved, False
  if _asked:
    os.kill(os.getpid(), _asked[1])


def say(words: str) -> None:
  """Writes a line to standard error; safe in any thread, needs no lock."""
  with contextlib.suppress(OSError):
    os.write(2, f'{words}\n'.encode())


def _listen(heard):
  global _asked
  while True:
    number = os.read(heard, 1)[0]
    if number not in SIGNALS:
      continue
    if not _learning:
      _leave(number, _words)
    elif not _asked:
      _asked = time.monotonic(), number
      if not _learning:  # the block has just ended and missed the flag
        _leave(number, _words)
      logging.warning('signal %d: saving after this step', number)
    elif time.monotonic() - _asked[0] > TWICE_SECONDS:
      _leave(
        number,
        'nothing was saved since the last complete checkpoint, where the '
        'same command continues',
      )


def _leave(number, words):
  _end(f'stopped by {signal.Signals(number).name}; {words}', 128 + number)


def _end(words, status):
  say(words)
  os._exit(status)
