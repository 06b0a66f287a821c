"""Reading a file that may be damaged, huge or hostile."""

import contextlib
import pathlib
import resource
import signal
import threading

from selfgait_jax import errors

LARGEST_FILE = 128 * 2**20  # bytes
_SECONDS = 60  # for one file, a slow disk included
_MEMORY = 2**30  # bytes that reading one file may take

_limit_memory = False  # in this process


class Refused(Exception):
  """A file or folder that is left out; the message is the reason."""

  def __init__(self, reason):
    super().__init__(errors.printable(reason))


def read_file(path: pathlib.Path, largest: int = LARGEST_FILE) -> bytes:
  """The content of a regular file of 1 to `largest` bytes.

  Raises:
    Refused: it is no regular file, empty, or larger.
    OSError: it cannot be read.
  """
  if not path.is_file():  # reading a named pipe would wait for ever
    raise Refused('not a file that can be read')
  size = path.stat().st_size
  if size > largest:
    raise Refused(f'{size:,} bytes, at most {largest:,}')
  if not size:
    raise Refused('an empty file')
  return path.read_bytes()


def limit_memory() -> None:
  """Lets `limits` bound the memory of this process, which does nothing else."""
  global _limit_memory
  _limit_memory = True


@contextlib.contextmanager
def limits():
  """Ends what takes too long or, in a worker process, too much memory.

  All readers check sizes before they compute anything; this is for what they
  overlook. Too little memory shows as MemoryError.

  Raises:
    Refused: the time is over.
  """
  with _time_limit(), _memory_limit():
    yield


@contextlib.contextmanager
def _time_limit():
  free = signal.getitimer(signal.ITIMER_REAL)[0] == 0
  if not free or threading.current_thread() is not threading.main_thread():
    yield  # signals reach the main thread only
    return
  before = signal.signal(signal.SIGALRM, _stop)
  signal.setitimer(signal.ITIMER_REAL, _SECONDS)
  try:
    yield
  finally:
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def _stop(*_):
  raise Refused(f'reading it takes more than {_SECONDS} seconds')


@contextlib.contextmanager
def _memory_limit():
  usage = pathlib.Path('/proc/self/statm')  # Linux
  if not (_limit_memory and usage.exists()):
    yield
    return
  pages = int(usage.read_text().split()[5])
  soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
  most = pages * resource.getpagesize() + _MEMORY
  if hard != resource.RLIM_INFINITY:
    most = min(most, hard)
  resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
