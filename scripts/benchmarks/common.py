"""What all cases of `benchmark.py` share: options, devices, data and timing."""

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable

import jax
import numpy as np

from selfgait_jax import errors
from selfgait_jax.data import datasets, sequences
from selfgait_jax.machine import cluster, cores, processes, sharding


def count(text: str) -> int:
  """The argparse type of a number that is at least 1."""
  if not text.isdecimal() or int(text) < 1:
    raise argparse.ArgumentTypeError(f'expected 1 or more, found {text}')
  return int(text)


def batch_options(
  parser: argparse.ArgumentParser, sequences: int = 8, frames: int = 10
) -> None:
  """Adds the size of a batch, with these defaults."""
  parser.add_argument(
    '--sequences',
    type=count,
    default=sequences,
    help='clips in a batch, over all devices',
  )
  parser.add_argument(
    '--frames', type=count, default=frames, help='frames in a clip'
  )


def repeats_option(parser: argparse.ArgumentParser, default: int) -> None:
  parser.add_argument(
    '--repeats',
    type=count,
    default=default,
    help='timed runs; the median counts',
  )


def device_options(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
    '--devices',
    type=int,
    default=0,
    help='devices that share the work; 0: all of them, on a CPU one per core',
  )
  dtype_option(parser)


def dtype_option(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
    '--dtype',
    choices=('float32', 'bfloat16'),
    default='float32',
    help='data type of the computation',
  )


def requested(options: argparse.Namespace, *names: str) -> dict:
  """The options of these names, for a JSON line."""
  return {name: getattr(options, name) for name in names}


def make_mesh(wanted: int) -> jax.sharding.Mesh:
  """A mesh over `wanted` devices, or over all for 0; call before JAX starts.

  If this is one of several processes (`benchmark.py scaling` sets
  JAX_NUM_PROCESSES and its companions), it joins the others, and `wanted`
  counts the devices of all processes.

  Raises:
    errors.UserError: there are fewer devices.
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


def make_batch_mesh(options: argparse.Namespace) -> jax.sharding.Mesh:
  """The mesh for `--devices`, which must divide `--sequences`."""
  mesh = make_mesh(options.devices)
  sharding.check_batch(options.sequences, mesh, '--sequences or --devices')
  return mesh


def describe(mesh: jax.sharding.Mesh) -> dict:
  """The devices, and the peak memory so far, for a JSON line."""
  device = mesh.local_devices[0]
  return {
    'device': device.device_kind,
    'devices': mesh.size,
    'peak_memory_gb': peak_memory_gb(device),
  }


def peak_memory_gb(device: jax.Device | None = None) -> float:
  """Peak memory of the device, or else of this process, in 10^9 bytes."""
  found = device.memory_stats() if device else None
  if found:
    return gigabytes(found['peak_bytes_in_use'])
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  unit = 1 if sys.platform == 'darwin' else 1024
  return gigabytes(peak * unit)


def gigabytes(size: float) -> float:
  """Bytes -> 10^9 bytes, with two decimals."""
  return round(size / 1e9, 2)


def random_sequences(
  names: Iterable[tuple[str, str, str]],
) -> sequences.SequenceSet:
  """Sequences of random pixels, 60 to 119 frames each, named as in CASIA-B.

  Args:
    names: (subject, condition, view) of each sequence.
  """
  rng = np.random.default_rng(0)
  records = (
    (*name, rng.integers(0, 256, (rng.integers(60, 120), 64, 64), np.uint8))
    for name in names
  )
  return sequences.from_records(records, datasets.CASIA_B.name)


def shapes(tree):
  """The same tree with shapes and types in place of arrays."""
  return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree)


def seconds(call: Callable, *args) -> tuple:
  """(seconds until the result is ready, the result) of `call(*args)`."""
  start = time.perf_counter()
  found = jax.block_until_ready(call(*args))
  return time.perf_counter() - start, found


def median_seconds(call: Callable, repeats: int) -> float:
  """The median time of `repeats` calls."""
  return statistics.median(seconds(call)[0] for _ in range(repeats))


def batch_line(
  options: argparse.Namespace,
  mesh: jax.sharding.Mesh,
  seconds: float,
  compile_seconds: float,
  views: int = 1,
) -> dict:
  """Speed and size of a batch, for a JSON line; a frame counts once per view.

  Args:
    options: with `sequences`, `frames` and `dtype`.
    mesh: the devices.
    seconds: that the batch took.
    compile_seconds: that compiling took.
    views: how often the network sees each frame.
  """
  frames = views * options.sequences * options.frames
  return {
    'frames_per_second': round(frames / seconds, 1),
    'seconds': round(seconds, 5),
    **requested(options, 'sequences', 'frames', 'dtype'),
    'compile_seconds': round(compile_seconds, 1),
    **describe(mesh),
  }
