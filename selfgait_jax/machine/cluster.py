"""How the processes of a run find each other, before JAX starts."""

import errno
import os
import socket

import jax

from selfgait_jax import errors
from selfgait_jax.machine import jax_private, processes

JOIN_SECONDS = 300  # for all processes to start
VARIABLES = ('JAX_COORDINATOR_ADDRESS', 'JAX_NUM_PROCESSES', 'JAX_PROCESS_ID')
_CHECK = (
  f'start all of them, check {", ".join(VARIABLES)} or the cluster, or set '
  'config.distributed=off'
)


def join(mode: str) -> None:
  """Calls `jax.distributed.initialize` where `mode` asks for it.

  Call it before JAX starts. The variables JAX_COORDINATOR_ADDRESS (host:port of
  process 0), JAX_NUM_PROCESSES and JAX_PROCESS_ID come first; without them JAX
  finds the others on TPU pods and under Slurm, Open MPI and Kubernetes.

  Where a process is lost, JAX aborts the others, with lines on standard error
  that say so.

  Args:
    mode: `config.distributed`: 'on', 'off', or 'auto', which joins where there
      is more than one process.

  Raises:
    errors.UserError: the others cannot be found or do not come.
  """
  if mode == 'off':
    return
  given = _from_variables()
  if mode == 'auto' and (given.get('num_processes') or _cluster_size()) < 2:
    return
  _expect_free_port(given)
  # JAX's own handler swallows every SIGTERM from here on, see lockstep.py.
  jax.config.update('jax_enable_preemption_service', False)
  try:
    jax.distributed.initialize(
      **given,
      initialization_timeout=JOIN_SECONDS,
      heartbeat_timeout_seconds=processes.SILENT_SECONDS,
    )
  except Exception as error:  # each cluster raises types of its own
    raise errors.UserError(
      f'expected to join the other processes within {JOIN_SECONDS} s, found '
      f'{errors.first_line(error)}; {_CHECK}'
    ) from error


def _from_variables():
  """Arguments of `initialize` from the three variables; {} without them."""
  address, size, number = (os.environ.get(name) for name in VARIABLES)
  if size is None and number is None:
    return {}  # JAX itself reads an address that comes alone
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
  try:
    return jax_private.cluster_size()
  except errors.UserError:
    raise
  except Exception as error:  # each cluster raises types of its own
    raise errors.UserError(
      'expected to hear from the cluster how many processes there are, found '
      f'{errors.first_line(error)}; set {", ".join(VARIABLES)} or '
      'config.distributed=off'
    ) from error


def _expect_free_port(given):
  """Raises UserError if the port is taken; JAX would crash without a word."""
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
      # Any other error means that the machine lacks this address family.
      if getattr(error, 'errno', errno.EADDRINUSE) == errno.EADDRINUSE:
        raise errors.UserError(
          f'expected a free port in {VARIABLES[0]}, found {port!r} ({error}); '
          'change it for all processes'
        ) from error
