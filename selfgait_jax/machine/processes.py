"""Several processes as one run: what they tell each other, and how they end.

Messages go through JAX's coordination service, which lives in process 0, not
through the devices: they need no step and may take as long as they like.
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

from selfgait_jax import errors
from selfgait_jax.machine import jax_private, signals

# After this many seconds without a heartbeat a process is lost and JAX ends the
# others. On CPU a killed one is noticed at once, by its closed connections.
SILENT_SECONDS = 100
LEAVE_SECONDS = 5  # a process that fails waits this long for others that fail
AGAIN = (
  'start all of them again with the same command; it continues from the last '
  'complete checkpoint'
)
_DAY = 24 * 3600
# How JAX, Gloo and NCCL say that another process failed.
_LOST = 'gloo|nccl|unavailable|deadline_exceeded|coordination|heartbeat'
_messages = itertools.count()  # numbers the messages alike on every process

# These two do not start JAX's devices, as `jax.process_index` would.
index = jax_private.process_id
count = jax_private.process_count


def is_first() -> bool:
  """True for the process that writes and logs."""
  return index() == 0


def name() -> str:
  """'process 1: ', to begin its messages with; '' for process 0."""
  return f'process {index()}: ' if index() else ''


def wait() -> None:
  """Returns when every process has called it, however long that takes."""
  if count() > 1:
    _client().wait_at_barrier(f'wait/{next(_messages)}', _DAY * 1000)


def share(value: Any) -> list:
  """The `value` of every process, in the order of their numbers.

  All processes must call it together; `value` must survive JSON.
  """
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
  """Calls `make` on process 0 and returns its result on every process.

  All processes must call it together; the result must survive JSON. A UserError
  is raised on every process.
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


def expect_same(what: str, value: Any) -> None:
  """Raises UserError on every process unless all give the same JSON value."""
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
  """Host name of each process; the first call must be made by all together."""
  return tuple(share(socket.gethostname()))


def leave() -> None:
  """Waits for all processes, then shuts JAX's coordination service down."""
  if count() > 1:
    with fail_together(()):
      wait()
      jax.distributed.shutdown()


@contextlib.contextmanager
def fail_together(passing: type[Exception] | tuple[()]):
  """Ends the process at once if the block raises.

  Exit handlers would wait for the other processes, which may be lost or busy.
  A single process just raises, and so do the errors of the types `passing`,
  which all processes raise together.
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
  os._exit(1)  # skips the exit handlers of JAX and Orbax, which would wait


def stop(words: str, status: int) -> NoReturn:
  """Ends a process that was asked to stop; can be called from any thread."""
  signals.say(name() + words)
  # In a thread: process 0 may have been stopped as well and never answer.
  telling = threading.Thread(target=_tell, args=(words, True), daemon=True)
  telling.start()
  telling.join(LEAVE_SECONDS)
  os._exit(status)


def _tell(words, wait):
  """Leaves `words` for the others to repeat; they may be gone."""
  with contextlib.suppress(Exception):
    _client().key_value_set('failed', f'process {index()}: {words}')
  if wait:
    # Keeps process 0 alive until the others that fail have read and spoken.
    with contextlib.suppress(Exception):
      _client().wait_at_barrier('failed', LEAVE_SECONDS * 1000)


def _is_lost(error):
  # Gloo's errors are ValueErrors.
  kinds = (ValueError, RuntimeError)
  return isinstance(error, kinds) and re.search(_LOST, str(error), re.I)


def _lost_words(error):
  try:
    found = _client().key_value_try_get('failed')
  except Exception:  # it left no words, or process 0 is the lost one
    found = errors.first_line(error)
  return (
    f'expected all {count()} processes to go on, found one that ended '
    f'({found}); {AGAIN}'
  )


def _client():
  return jax_private.coordination_client()
