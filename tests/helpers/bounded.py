"""Limits of time and memory for code that reads hostile files."""

import contextlib
import pathlib
import resource
import signal
from collections.abc import Iterator

PAGE = resource.getpagesize()


@contextlib.contextmanager
def limits(seconds: float = 5.0, megabytes: int = 400) -> Iterator[None]:
  """Raises TimeoutError or MemoryError if the block needs more than that.

  Counts the processor's time, so that a busy machine fails no test. The memory
  is address space on top of what the process has.
  """
  pages = int(pathlib.Path('/proc/self/statm').read_text().split()[0])
  soft, hard = resource.getrlimit(resource.RLIMIT_AS)
  before = signal.signal(signal.SIGPROF, _too_long)
  signal.setitimer(signal.ITIMER_PROF, seconds)
  resource.setrlimit(
    resource.RLIMIT_AS, (pages * PAGE + megabytes * 2**20, hard)
  )
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


def _too_long(*_):
  raise TimeoutError('the block needs more time than it is allowed')
