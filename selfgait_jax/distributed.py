"""Several processes as one run: joining, waiting for each other, ending.

What they say here goes through JAX's coordination service (in process 0), not
through the devices: it needs no step, and may take as long as it likes.
"""

import contextlib
import ctypes
import errno
import functools
import itertools
import json
import os
import re
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import jax
from jax._src import clusters  # there is no public way to ask for a cluster,
from jax._src import distributed as runtime  # nor for the client

from selfgait_jax import errors

JOIN_SECONDS = 300  # for all processes to start
# A process that has not been heard of for so long is lost, and the others end;
# one that is only held up for less goes on. On CPU a killed one is noticed at
# once, by its closed connections.
SILENT_SECONDS = 100
LEAVE_SECONDS = 5  # that one that fails waits for others that fail with it
_DAY = 24 * 3600

VARIABLES = ('JAX_COORDINATOR_ADDRESS', 'JAX_NUM_PROCESSES', 'JAX_PROCESS_ID')
_CHECK = (
  f'start all of them, check {", ".join(VARIABLES)} or the cluster, or set '
  'config.distributed=off'
)
_AGAIN = (
  'start all of them again with the same command, which goes on from the last '
  'complete checkpoint'
)
# How JAX, Gloo and NCCL say that it was another process that failed.
_LOST = 'gloo|nccl|unavailable|deadline|coordination|heartbeat|peer|socket'
_messages = itertools.count()  # each has a key of its own, the same everywhere


def join(mode: str) -> None:
  """`jax.distributed.initialize`, where `mode` asks for it.

  To be called before JAX starts. JAX itself finds its way on TPU pods and under
  Slurm, Open MPI and Kubernetes; elsewhere, and before that, the variables
  JAX_COORDINATOR_ADDRESS (host:port of process 0), JAX_NUM_PROCESSES and
  JAX_PROCESS_ID say it.

  Args:
    mode: `config.distributed`: 'on', 'off', or 'auto', which joins where there
      is more than one process to be found.

  Raises:
    errors.UserError: the others cannot be found or do not come.
  """
  if mode == 'off':
    return
  given = _by_hand()
  if mode == 'auto' and given.get('num_processes', _cluster_size()) < 2:
    return
  _expect_free_port(given)
  _say_if_aborted(
    f'expected to join the other processes within {JOIN_SECONDS} s, found that '
    f'they did not come (the lines above say more); {_CHECK}'
  )
  # Its handler would swallow SIGTERM wherever nobody asks it.
  jax.config.update('jax_enable_preemption_service', False)
  try:
    jax.distributed.initialize(
      **given,
      initialization_timeout=JOIN_SECONDS,
      heartbeat_timeout_seconds=SILENT_SECONDS,
    )
  except Exception as error:  # of several types, each cluster has its own
    raise errors.UserError(
      f'expected to join the other processes within {JOIN_SECONDS} s, found '
      f'{_first_line(error)}; {_CHECK}'
    ) from error
  _say_if_aborted(
    f'{_name()}expected all {count()} processes to go on, found one that ended '
    f'or was not heard of for {SILENT_SECONDS} s (the lines above say which); '
    f'{_AGAIN}'
  )


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


@functools.cache
def hosts() -> tuple[str, ...]:
  """The machine of each process; all must ask together for the first time."""
  return tuple(share(socket.gethostname()))


def leave() -> None:
  """The good end: nobody goes before all are done."""
  if count() > 1:
    wait()
    jax.distributed.shutdown()


@contextlib.contextmanager
def fail_together(passing: type[Exception]):
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
  with contextlib.suppress(Exception):
    _client().key_value_set('failed', f'process {index()}: {words}')
  if is_first() or not lost:
    # Others that fail, too, must not lose process 0 before they could say so.
    with contextlib.suppress(Exception):
      _client().wait_at_barrier('failed', LEAVE_SECONDS * 1000)
  sys.stderr.write(f'error: {_name()}{words}\n')
  sys.stderr.flush()
  os._exit(1)  # no exit handler of JAX or Orbax, which would wait


def _by_hand():
  """Arguments of `initialize` from the three variables; {} without them."""
  address, size, number = (os.environ.get(name) for name in VARIABLES)
  if size is None and number is None:
    return {}  # an address alone is JAX's own business
  try:
    given = {
      'coordinator_address': address or '',
      'num_processes': int(size),
      'process_id': int(number),
    }
  except (TypeError, ValueError):
    given = {}
  if not (given and ':' in given['coordinator_address']):
    raise errors.UserError(
      f'expected {", ".join(VARIABLES)} as host:port and two numbers, found '
      f'{address}, {size} and {number}; set all three, or none and '
      'config.distributed=off'
    )
  return given


def _cluster_size() -> int:
  """Processes that JAX finds by itself; 1 outside of clusters."""
  try:
    for cluster in clusters.ClusterEnv._cluster_types:
      if not cluster.opt_in_only_method and cluster.is_env_present():
        return cluster.get_process_count()
  except Exception as error:  # of several types, each cluster has its own
    raise errors.UserError(
      'expected to hear from the cluster how many processes there are, found '
      f'{_first_line(error)}; set {", ".join(VARIABLES)} or '
      'config.distributed=off'
    ) from error
  return 1


def _expect_free_port(given):
  """JAX's own answer to a port in use is a segmentation fault."""
  if given.get('process_id') != 0:
    return
  port = given['coordinator_address'].rpartition(':')[2]
  with socket.socket(socket.AF_INET6) as taken:
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
      taken.bind(('::', int(port)))
    except (OSError, ValueError, OverflowError) as error:
      if getattr(error, 'errno', errno.EADDRINUSE) == errno.EADDRINUSE:
        raise errors.UserError(
          f'expected a free port in {VARIABLES[0]}, found {port!r} ({error}); '
          'change it for all processes'
        ) from error


def _say_if_aborted(words):
  """Ends with a sentence where JAX aborts, which is when a process is lost.

  Python's handlers run in the main thread, which then waits for a device; this
  one runs where the abort is.
  """

  @ctypes.CFUNCTYPE(None, ctypes.c_int)
  def handler(number):
    os.write(2, f'error: {words}\n'.encode())
    os._exit(1)

  ctypes.CDLL(None).signal(signal.SIGABRT, handler)
  _say_if_aborted.handler = handler  # must live as long as the process


def _is_lost(error):
  # Gloo's errors are ValueErrors.
  kinds = (ValueError, RuntimeError)
  return isinstance(error, kinds) and re.search(_LOST, str(error), re.I)


def _lost_words(error):
  try:
    found = _client().key_value_try_get('failed')
  except Exception:  # none failed with words, or process 0 is the lost one
    found = _first_line(error)
  return (
    f'expected all {count()} processes to go on, found one that ended '
    f'({found}); {_AGAIN}'
  )


def _name():
  return f'process {index()}: ' if index() else ''


def _client():
  return runtime.global_state.client


def _first_line(error) -> str:
  return (str(error).strip() or type(error).__name__).splitlines()[0]
