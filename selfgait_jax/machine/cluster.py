"""How the processes of a run find each other, before JAX starts."""

import ctypes
import errno
import os
import signal
import socket

import jax
from jax._src import clusters  # there is no public way to ask for a cluster

from selfgait_jax import errors
from selfgait_jax.machine import processes

JOIN_SECONDS = 300  # for all processes to start
VARIABLES = ('JAX_COORDINATOR_ADDRESS', 'JAX_NUM_PROCESSES', 'JAX_PROCESS_ID')
_CHECK = (
  f'start all of them, check {", ".join(VARIABLES)} or the cluster, or set '
  'config.distributed=off'
)


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
  if mode == 'auto' and (given.get('num_processes') or _cluster_size()) < 2:
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
      heartbeat_timeout_seconds=processes.SILENT_SECONDS,
    )
  except Exception as error:  # of several types, each cluster has its own
    raise errors.UserError(
      f'expected to join the other processes within {JOIN_SECONDS} s, found '
      f'{errors.first_line(error)}; {_CHECK}'
    ) from error
  _say_if_aborted(
    f'{processes.name()}expected all {processes.count()} processes to go '
    'on, found this one aborted, most often because another ended or was not '
    f'heard of for {processes.SILENT_SECONDS} s (the lines above say more); '
    f'{processes.AGAIN}'
  )


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
      f'{errors.first_line(error)}; set {", ".join(VARIABLES)} or '
      'config.distributed=off'
    ) from error
  return 1


def _expect_free_port(given):
  """JAX's own answer to a port in use is a segmentation fault."""
  if given.get('process_id') != 0:
    return
  port = given['coordinator_address'].rpartition(':')[2]
  for family, anywhere in ((socket.AF_INET6, '::'), (socket.AF_INET, '')):
    try:
      with socket.socket(family) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((anywhere, int(port)))
      return
    except (OSError, ValueError, OverflowError) as error:
      # Any other error: the machine does without this family.
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
