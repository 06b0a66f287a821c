"""The mesh, its two shardings, and the one place that compiles the steps."""

import math
import os
from collections.abc import Callable, Iterable

import jax
import numpy as np
from absl import logging
from jax.experimental import multihost_utils
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from selfgait_jax import errors
from selfgait_jax.machine import processes

HELD_SHARE = 0.5  # of free memory; the rest is for the step


def use_all_cores(batches: Iterable[int] = ()) -> None:
  """One CPU device a core, to be called before JAX starts.

  XLA runs a convolution's gradient better on two devices of one core each than
  on one device of two (`scripts/benchmark.py step`). The processes of a machine
  share its cores, and all processes have equally many devices. A number given
  in XLA_FLAGS or JAX_NUM_CPU_DEVICES stays. Without effect on the choice of a
  GPU or TPU.

  Args:
    batches: sizes that the devices must share equally; there are so many
      devices as that allows.
  """
  told = zip(processes.hosts(), processes.share(cores()), strict=True)
  places = [{(host, core) for core in mine} for host, mine in told]
  # A process's part of the cores that it may use with others; the smallest is
  # everybody's.
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
  if hasattr(os, 'sched_getaffinity'):  # Linux alone
    return sorted(os.sched_getaffinity(0))
  return list(range(os.cpu_count() or 1))


def make_mesh(devices=None) -> jax.sharding.Mesh:
  """All devices of all processes along one axis, `data`.

  Raises UserError if the processes, whose parts of a batch are equal, have not
  equally many of them.
  """
  if devices is None:
    # A process's devices side by side, so that its part is one slice.
    by_process = lambda device: (device.process_index, device.id)
    devices = sorted(jax.devices(), key=by_process)
  if jax.local_device_count() * jax.process_count() != jax.device_count():
    raise errors.UserError(
      f'expected equally many devices in each of {jax.process_count()} '
      f'processes, found {jax.local_device_count()} of {jax.device_count()} in '
      f'process {jax.process_index()}; change JAX_NUM_CPU_DEVICES, XLA_FLAGS '
      'or the devices that each may see'
    )
  # Auto: the explicit default mode rejects the strip reshapes of the models.
  return jax.sharding.Mesh(
    np.array(devices), ('data',), axis_types=(AxisType.Auto,)
  )


def replicated(mesh) -> NamedSharding:
  return NamedSharding(mesh, PartitionSpec())


def batch_sharded(mesh) -> NamedSharding:
  return NamedSharding(mesh, PartitionSpec('data'))


def check_batch(batch: int, mesh, key: str, microbatches: int = 1) -> None:
  """Raises UserError if the devices cannot share a batch's parts equally."""
  if batch % (mesh.size * microbatches):
    parts = f' times {microbatches} microbatches' if microbatches > 1 else ''
    raise errors.UserError(
      f'expected a batch divisible by the {mesh.size} devices{parts}, found '
      f'{batch}; change {key}'
    )


def shard_batch(batch, mesh):
  """This host's NumPy arrays -> global arrays split along their first axis."""
  sharding = batch_sharded(mesh)
  place = lambda x: jax.make_array_from_process_local_data(sharding, x)
  return jax.tree.map(place, batch)


def hold(arrays, mesh):
  """NumPy arrays, the same on every host -> whole in every device's memory.

  Raises:
    errors.UserError: they would take more than `HELD_SHARE` of what is free;
      a CPU does not say how much that is.
  """
  size = sum(array.nbytes for array in jax.tree.leaves(arrays)) / 1e9
  for device in mesh.local_devices:
    stats = device.memory_stats() or {}
    if 'bytes_limit' in stats:
      free = (stats['bytes_limit'] - stats['bytes_in_use']) / 1e9
      if size > HELD_SHARE * free:
        raise errors.UserError(
          f'expected a data set of at most {HELD_SHARE * free:.2f} GB, '
          f'{HELD_SHARE:.0%} of the free memory of {device}, found '
          f'{size:.2f} GB; change config.data.loader'
        )
  logging.info('held in the memory of each device: %.3f GB of frames', size)
  return replicate(arrays, mesh)


def shard_local(values: np.ndarray, mesh) -> jax.Array:
  """Each process's values, [N] -> [devices, N], a row a device."""
  rows = np.tile(values, (len(mesh.local_devices), 1))
  return shard_batch(rows, mesh)


def replicate(tree, mesh):
  """The whole tree, which all processes have alike, on every device."""
  if jax.process_count() == 1:
    return jax.device_put(tree, replicated(mesh))
  # `device_put` would compare the processes' values, a collective a tensor.
  same = replicated(mesh)
  place = lambda x: jax.make_array_from_process_local_data(same, np.asarray(x))
  return jax.tree.map(
    lambda x: x if _is_everywhere(x, same) else place(x), tree
  )


def keep_pace(newest, before) -> None:
  """Waits for the step before: no device is ever idle, no queue ever long.

  On CPU for the newest: steps queued over several devices may wait for each
  other for ever.
  """
  jax.block_until_ready(newest if jax.default_backend() == 'cpu' else before)


def gather(array: jax.Array) -> np.ndarray:
  """A global array on every host."""
  if jax.process_count() == 1:
    return np.asarray(array)
  return multihost_utils.process_allgather(array, tiled=True)


def compile_step(step: Callable, mesh: jax.sharding.Mesh, feed=None):
  """(state, placed batch) -> (state, metrics, outputs), the state donated.

  Args:
    step: (state, batch) -> (state, metrics, outputs).
    mesh: of all devices.
    feed: what places the batches (data/feeds.py); None for `shard_batch`.
  """
  same, split = replicated(mesh), batch_sharded(mesh)
  read = feed.read if feed else lambda placed: placed
  return jax.jit(
    lambda state, placed: step(state, read(placed)),
    in_shardings=(same, feed.sharding if feed else split),
    out_shardings=(same, same, split),
    donate_argnums=0,
  )


def compile_embed(step, mesh):
  """(variables, frames, mask) -> outputs, split like the batch."""
  same, split = replicated(mesh), batch_sharded(mesh)
  return jax.jit(step, in_shardings=(same, split, split), out_shardings=split)


def compile_gather(mesh):
  """[devices, N], a row a device -> the same on every device."""
  return jax.jit(
    lambda x: x,
    in_shardings=batch_sharded(mesh),
    out_shardings=replicated(mesh),
  )


def _is_everywhere(x, sharding):
  return isinstance(x, jax.Array) and x.sharding == sharding
