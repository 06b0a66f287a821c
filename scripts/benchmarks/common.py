"""What the cases of `benchmark.py` share: devices, data and memory."""

import argparse
import resource
import statistics
import sys
import time

import jax
import numpy as np

from selfgait_jax import errors
from selfgait_jax.data import datasets, sequences
from selfgait_jax.machine import cluster, cores, processes, sharding


def count(text: str) -> int:
  """The type of an option that is 1 or more."""
  if not text.isdecimal() or int(text) < 1:
    raise argparse.ArgumentTypeError(f'expected 1 or more, found {text}')
  return int(text)


def device_options(parser):
  parser.add_argument(
    '--devices',
    type=int,
    default=0,
    help='how many share the work; 0: all, on a CPU one a core',
  )
  parser.add_argument(
    '--dtype',
    choices=('float32', 'bfloat16'),
    default='float32',
    help='of the compute',
  )


def make_mesh(wanted: int) -> jax.sharding.Mesh:
  """Over so many devices, or all for 0; before JAX has started.

  One of several processes (`benchmark.py scaling` sets JAX_NUM_PROCESSES and
  the rest) joins the others; `wanted` counts the devices of all.
  """
  cluster.join('auto')
  if wanted:
    each = max(1, wanted // processes.count())
    jax.config.update('jax_num_cpu_devices', each)
  else:
    cores.use_all_cores()
  found = jax.devices()
  if wanted > len(found):
    raise errors.UserError(
      f'expected {wanted} devices, found {len(found)}; change --devices'
    )
  return sharding.make_mesh(found[: wanted or None])


def describe(mesh) -> dict:
  """The devices and the memory of the run so far, for a JSON line."""
  device = mesh.local_devices[0]
  return {
    'device': device.device_kind,
    'devices': mesh.size,
    'peak_memory_gb': peak_memory_gb(device),
  }


def peak_memory_gb(device=None) -> float:
  """The most that the device, or else the process, has held, in 10^9 bytes."""
  found = device.memory_stats() if device else None
  if found:
    return round(found['peak_bytes_in_use'] / 1e9, 2)
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  unit = 1 if sys.platform == 'darwin' else 1024
  return round(peak * unit / 1e9, 2)


def random_sequences(names) -> sequences.SequenceSet:
  """Noise under CASIA-B's names, in lengths that are usual there.

  Args:
    names: (subject, condition, view) of each sequence.
  """
  rng = np.random.default_rng(0)
  records = (
    (*name, rng.integers(0, 256, (rng.integers(60, 120), 64, 64), np.uint8))
    for name in names
  )
  return sequences.from_records(records, datasets.CASIA_B.name)


def seconds(call, *args) -> tuple:
  """(seconds it took until the devices were done, what it returned)."""
  start = time.perf_counter()
  found = jax.block_until_ready(call(*args))
  return time.perf_counter() - start, found


def median_seconds(call, repeats: int) -> float:
  """Of `repeats` calls."""
  return statistics.median(seconds(call)[0] for _ in range(repeats))
