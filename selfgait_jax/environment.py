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

  Where GLIBC_TUNABLES is set to anything, also to nothing, or the system is not
  Linux, it stays.
  """
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
  if sys.platform == 'linux' and 'GLIBC_TUNABLES' not in os.environ:
    os.environ['GLIBC_TUNABLES'] = HUGE_PAGES
    os.execv(sys.executable, sys.orig_argv)
