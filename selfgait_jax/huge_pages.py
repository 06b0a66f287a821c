"""Memory that a CPU step need not ask the kernel for again and again."""

import os
import sys

# Of the C library: what is freed is kept, in pages of 2 MB where there can be.
TUNABLES = (
  'glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:'
  'glibc.malloc.trim_threshold=1000000000000'
)


def restart_with() -> None:
  """Starts this program anew, as the same process, under `TUNABLES`.

  To be called before anything large is imported. XLA's CPU programs allocate
  hundreds of megabytes a step and free them, and by default each time come in
  pages of 4 KB from the kernel. On two cores a training step took 0.93 of its
  time with these settings (GaitBase, 8 clips of 10 frames) and 0.90 (SelfGait).

  Returns without effect where GLIBC_TUNABLES is set to anything, also to
  nothing, or where the system is not Linux.
  """
  if sys.platform == 'linux' and 'GLIBC_TUNABLES' not in os.environ:
    os.environ['GLIBC_TUNABLES'] = TUNABLES
    os.execv(sys.executable, sys.orig_argv)
