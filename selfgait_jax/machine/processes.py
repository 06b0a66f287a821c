"""Several processes as one run: what they tell each other, and how they end.

What they say here goes through JAX's coordination service (in process 0), not
through the devices: it needs no step, and may take as long as it likes.
"""

import contextlib
import functools
import itertools
import json
import os
import re
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import jax
from jax._src import distributed as runtime  # its client is not public

from selfgait_jax import errors
from selfgait_jax.machine import signals

# A process that has not been heard of for so long is lost, and the others end.
# On CPU a killed one is noticed at once, by its closed connections.
SILENT_SECONDS = 100
_DAY = 24 * 3600
LEAVE_SECONDS = 5  # that one that fails waits for others that fail with it
AGAIN = (
  'start all of them again with the same command, which goes on from the last '
  'complete checkpoint'
)
# How JAX, Gloo and NCCL say that it was another process that failed.
_LOST = 'gloo|nccl|unavailable|deadline_exceeded|coordination|heartbeat'
_messages = itertools.count()  # each has a key of its own, the same everywhere


def index() -> int:
  """Number of this process; does not start JAX."""
  return runtime.global_state.process_id


def count() -> int:
  """Processes of the run; does not start JAX."""
  return runtime.global_state.num_processes


def is_first() -> bool:
  """True for the process that writes and logs."""
  return index() == 0


def wait() -> None:
  """Returns when every process is here, however long that takes."""
  if count() > 1:
    _client().wait_at_barrier(f'wait/{next(_messages)}', _DAY * 1000)


def share(value) -> list:
  """What each process gave, JSON, in the order of their numbers."""
  if count() == 1:
    return [value]
  folder = f'share/{next(_messages)}/'
  _client().key_value_set(f'{folder}{index()}', json.dumps(value))
  wait()
  found = {
    int(key.rpartition('/')[2]): json.loads(text)
    for key, text in _client().key_value_dir_get(folder)
  }
  return [found[number] for number in range(count())]


def from_first(make: Callable[[], Any]) -> Any:
  """What `make()` returns on process 0, JSON, on every process.

  A UserError there is raised everywhere.
  """
  if count() == 1:
    return make()
  key = f'first/{next(_messages)}'
  if is_first():
    try:
      message = {'value': make()}
    except errors.UserError as error:
      message = {'error': str(error)}
    _client().key_value_set(key, json.dumps(message))
  else:
    found = _client().blocking_key_value_get(key, _DAY * 1000)
    message = json.loads(found)
  if 'error' in message:
    raise errors.UserError(message['error'])
  return message['value']


def expect_same(what: str, value) -> None:
  """Raises UserError, everywhere, unless all processes give one JSON value."""
  found = share(value)
  others = [number for number, other in enumerate(found) if other != found[0]]
  if others:
    raise errors.UserError(
      f'expected all processes to have the same {what}, found '
      f'{found[others[0]]} on process {others[0]} and {found[0]} on process 0; '
      'start all with the same command, code and data'
    )


@functools.cache
def hosts() -> tuple[str, ...]:
  """The machine of each process; all must ask together for the first time."""
  return tuple(share(socket.gethostname()))


def leave() -> None:
  """The good end: nobody goes before all are done."""
  if count() > 1:
    with fail_together(()):
      wait()
      jax.distributed.shutdown()


@contextlib.contextmanager
def fail_together(passing: type[Exception] | tuple[()]):
  """Ends the process where the block raises, before any clean-up waits.

  Clean-up waits for the others, who may be gone or at work. Without effect on
  a process alone and on `passing`, which all raise at once.
  """
  try:
    yield
  except (Exception, KeyboardInterrupt) as error:
    if count() == 1 or isinstance(error, passing):
      raise
    fail(error)


def fail(error: BaseException) -> NoReturn:
  """Says in a sentence what happened and ends with status 1, at once."""
  expected = isinstance(error, errors.UserError)
  lost = not expected and _is_lost(error)
  if not expected and not lost:
    traceback.print_exception(error)
  words = _lost_words(error) if lost else str(error) or repr(error)
  _tell(words, wait=is_first() or not lost)
  sys.stderr.write(f'error: {name()}{words}\n')
  sys.stderr.flush()
  os._exit(1)  # no exit handler of JAX or Orbax, which would wait


def stop(words: str, status: int) -> NoReturn:
  """The end of a process that was asked to; from any thread."""
  signals.say(name() + words)
  # As a thread: process 0 may be stopped, too, and not answer.
  telling = threading.Thread(target=_tell, args=(words, True), daemon=True)
  telling.start()
  telling.join(LEAVE_SECONDS)
  os._exit(status)


def _tell(words, wait):
  with contextlib.suppress(Exception):
    _client().key_value_set('failed', f'process {index()}: {words}')
  if wait:
    # Others that end, too, must not lose process 0 before they could say so.
    with contextlib.suppress(Exception):
      _client().wait_at_barrier('failed', LEAVE_SECONDS * 1000)


def _is_lost(error):
  # Gloo's errors are ValueErrors.
  kinds = (ValueError, RuntimeError)
  return isinstance(error, kinds) and re.search(_LOST, str(error), re.I)


def _lost_words(error):
  try:
    found = _client().key_value_try_get('failed')
  except Exception:  # none failed with words, or process 0 is the lost one
    found = errors.first_line(error)
  return (
    f'expected all {count()} processes to go on, found one that ended '
    f'({found}); {AGAIN}'
  )


def name() -> str:
  """'process 1: ', before what it says; process 0 says it plainly."""
  return f'process {index()}: ' if index() else ''


def _client():
  return runtime.global_state.client
