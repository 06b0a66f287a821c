"""One CPU device for each core that this process may use."""

import math
import os
from collections.abc import Iterable

import jax

from selfgait_jax.machine import processes


def use_all_cores(batches: Iterable[int] = ()) -> None:
  """Makes one CPU device a core; call it before JAX's devices start.

  XLA computes a convolution's gradient faster on two devices of one core each
  than on one device of two cores. The processes of a machine share its cores,
  and all processes get the same number of devices. A number that is set in
  XLA_FLAGS or JAX_NUM_CPU_DEVICES stays. GPUs and TPUs are not affected.

  Args:
    batches: sizes that the devices must share equally, which may make their
      number smaller.
  """
  told = zip(processes.hosts(), processes.share(cores()), strict=True)
  places = [{(host, core) for core in mine} for host, mine in told]
  # Each process gets its part of the cores that it shares with others; the
  # smallest part counts for all.
  share = min(
    len(mine) // sum(not mine.isdisjoint(other) for other in places)
    for mine in places
  )
  flags = os.environ.get('XLA_FLAGS', '')
  given = 'xla_force_host_platform_device_count' in flags
  if not given and 'JAX_NUM_CPU_DEVICES' not in os.environ:
    common = math.gcd(*batches)
    fits = [n for n in range(1, share + 1) if common % (n * len(places)) == 0]
    jax.config.update('jax_num_cpu_devices', max(fits, default=1))


def cores() -> list[int]:
  """Numbers of the cores that this process may use."""
  if hasattr(os, 'sched_getaffinity'):  # only on Linux
    return sorted(os.sched_getaffinity(0))
  return list(range(os.cpu_count() or 1))
