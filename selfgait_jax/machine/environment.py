"""What the environment must hold before a program imports anything large."""

import os
import sys

# Of the C library: what is freed is kept, in pages of 2 MB where there can be.
HUGE_PAGES = (
  'glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:'
  'glibc.malloc.trim_threshold=1000000000000'
)


def prepare() -> None:
  """Sets it; to that end the program starts anew, once, as the same process.

  XLA's CPU programs allocate hundreds of megabytes a step and free them; by
  default each time they come in pages of 4 KB from the kernel. On two cores a
  training step took 0.93 of its time with `HUGE_PAGES` (GaitBase, 8 clips of 10
  frames) and 0.90 (SelfGait).

  It stays where GLIBC_TUNABLES is set to anything, also to nothing, where the
  system is not Linux, and where another program (a debugger, a notebook) runs
  this one.
  """
  # TensorFlow but reads data here, and need not say how it would compute.
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
  os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '0')
  if sys.platform != 'linux' or 'GLIBC_TUNABLES' in os.environ or not _alone():
    return
  os.environ['GLIBC_TUNABLES'] = HUGE_PAGES
  try:
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
  except OSError:  # slower, and nothing else
    del os.environ['GLIBC_TUNABLES']


def _alone():
  """True if Python was started to run `__main__`, by itself."""
  spec = sys.modules['__main__'].__spec__
  name = spec.name if spec else sys.argv[0]
  return sys.gettrace() is None and name in sys.orig_argv
