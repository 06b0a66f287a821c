"""Locks on files, which the system frees when a process ends in any way."""

from typing import IO

from selfgait_jax import errors

try:
  import fcntl
except ImportError:  # Windows
  fcntl = None


def take(file: IO, wait: bool = False) -> None:
  """Locks an open file until it is closed.

  Args:
    file: to lock.
    wait: for another process that holds the lock.

  Raises:
    BlockingIOError: another process holds the lock, and `wait` is False.
    errors.UserError: this system has no such locks.
  """
  if fcntl is None:
    raise errors.UserError(
      'expected Linux or macOS to train or to prepare data, found another '
      'system; use Windows Subsystem for Linux'
    )
  fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
