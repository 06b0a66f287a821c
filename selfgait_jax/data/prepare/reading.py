"""Reading a file that may be damaged, huge or hostile."""

import contextlib
import pathlib
import signal
import threading

from selfgait_jax import errors

LARGEST_FILE = 128 * 2**20  # bytes
_SECONDS = 60  # for one file, a slow disk included
_MEMORY = 2**30  # bytes that reading one sequence may take

_limit_memory = False  # in this process
_clock_runs = False


class Refused(Exception):
  """A file or folder that is left out; the message is the reason."""

  def __init__(self, reason):
    super().__init__(errors.printable(reason))


def read_file(path: pathlib.Path, largest: int = LARGEST_FILE) -> bytes:
  """The content of a regular file of 1 to `largest` bytes.

  Within `limits` the clock starts again for every file.

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
  if _clock_runs:
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
  return path.read_bytes()


def limit_memory() -> None:
  """Lets `limits` bound the memory of this process, which does nothing else."""
  global _limit_memory
  _limit_memory = True


@contextlib.contextmanager
def limits():
  """Ends reading that takes too long or, in a worker, too much memory.

  All readers check sizes before they compute anything; this is for what they
  overlook.

  Raises:
    Refused: a limit is reached.
  """
  with _time_limit(), _memory_limit():
    try:
      yield
    except MemoryError as error:
      raise Refused('reading it takes too much memory') from error


@contextlib.contextmanager
def _time_limit():
  timed = hasattr(signal, 'setitimer')  # not on Windows
  free = timed and signal.getitimer(signal.ITIMER_REAL)[0] == 0
  if not free or threading.current_thread() is not threading.main_thread():
    yield  # signals reach the main thread only
    return
  global _clock_runs
  before = signal.signal(signal.SIGALRM, _stop)
  signal.setitimer(signal.ITIMER_REAL, _SECONDS)
  _clock_runs = True
  try:
    yield
  finally:
    _clock_runs = False
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def _stop(*_):
  raise Refused(f'reading it takes too much time, over {_SECONDS} seconds')


@contextlib.contextmanager
def _memory_limit():
  usage = pathlib.Path('/proc/self/statm')  # Linux
  if not (_limit_memory and usage.exists()):
    yield
    return
  import resource  # not on Windows

  pages = int(usage.read_text().split()[5])
  soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
  own = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
  most = min([pages * resource.getpagesize() + _MEMORY, *own])
  resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
