"""The mesh, its two shardings, and the one place that compiles the steps."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from absl import logging
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from selfgait_jax import errors

HELD_SHARE = 0.5  # of free memory; the rest is for the step


def make_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
  """All devices of all processes along one axis, `data`.

  Raises UserError unless all processes have the same number of devices, as
  their parts of a batch are equal.
  """
  if devices is None:
    # In order of the processes, so that each one's part is one slice.
    by_process = lambda device: (device.process_index, device.id)
    devices = sorted(jax.devices(), key=by_process)
  if jax.local_device_count() * jax.process_count() != jax.device_count():
    raise errors.UserError(
      f'expected equally many devices in each of {jax.process_count()} '
      f'processes, found {jax.local_device_count()} of {jax.device_count()} in '
      f'process {jax.process_index()}; change JAX_NUM_CPU_DEVICES, XLA_FLAGS '
      'or the devices that each may see'
    )
  # The default, Explicit, rejects the reshapes of the models' strips.
  return Mesh(np.array(devices), ('data',), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
  """Whole on every device."""
  return NamedSharding(mesh, PartitionSpec())


def batch_sharded(mesh: Mesh) -> NamedSharding:
  """Split along the first axis."""
  return NamedSharding(mesh, PartitionSpec('data'))


def check_batch(
  batch: int, mesh: Mesh, key: str, microbatches: int = 1
) -> None:
  """Raises UserError if the devices cannot share a batch's parts equally.

  Args:
    batch: clips of the global batch.
    mesh: all devices.
    key: the setting to name in the error.
    microbatches: parts that the batch is cut into.
  """
  if batch % (mesh.size * microbatches):
    parts = f' times {microbatches} microbatches' if microbatches > 1 else ''
    raise errors.UserError(
      f'expected a batch divisible by the {mesh.size} devices{parts}, found '
      f'{batch}; change {key}'
    )


def shard_batch(batch: Any, mesh: Mesh) -> Any:
  """A tree of this host's NumPy arrays -> global arrays, split by batch."""
  sharding = batch_sharded(mesh)
  place = lambda x: jax.make_array_from_process_local_data(sharding, x)
  return jax.tree.map(place, batch)


def hold(arrays: Any, mesh: Mesh) -> Any:
  """Puts NumPy arrays, the same on every host, whole into every device.

  Raises:
    errors.UserError: they would take more than `HELD_SHARE` of the memory that
      is free; on a CPU, which does not say how much that is, never.
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


def shard_local(values: np.ndarray, mesh: Mesh) -> jax.Array:
  """Values of each process, [N] -> [devices, N], one row for each device."""
  rows = np.tile(values, (len(mesh.local_devices), 1))
  return shard_batch(rows, mesh)


def replicate(tree: Any, mesh: Mesh) -> Any:
  """Puts a tree that is the same in all processes whole on every device."""
  if jax.process_count() == 1:
    return jax.device_put(tree, replicated(mesh))
  # `device_put` would compare the values of all processes, tensor by tensor.
  same = replicated(mesh)
  place = lambda x: jax.make_array_from_process_local_data(same, np.asarray(x))
  return jax.tree.map(
    lambda x: x if _is_everywhere(x, same) else place(x), tree
  )


def keep_pace(newest: Any, before: Any) -> None:
  """Keeps at most one step queued: waits for the step before the newest.

  On CPU it waits for the newest: there, steps queued over several devices can
  deadlock.

  Args:
    newest: what the newest step returns.
    before: what the step before it returned; None at first.
  """
  jax.block_until_ready(newest if jax.default_backend() == 'cpu' else before)


def gather(array: jax.Array) -> np.ndarray:
  """A global array as a NumPy array on every host."""
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


def compile_embed(step, mesh: Mesh):
  """Compiles (variables, frames, mask) -> outputs, all split by batch.

  The variables are whole on every device.
  """
  same, split = replicated(mesh), batch_sharded(mesh)
  return jax.jit(step, in_shardings=(same, split, split), out_shardings=split)


def compile_pieces(step, mesh: Mesh):
  """Compiles (variables, best, *pieces) -> best; pieces split by batch.

  All else is whole on every device.
  """
  same, split = replicated(mesh), batch_sharded(mesh)
  return jax.jit(
    step,
    in_shardings=(same, same, split, split, split),
    out_shardings=same,
  )


def compile_gather(mesh: Mesh):
  """Compiles [devices, N], one row for each device -> whole on every device."""
  return jax.jit(
    lambda x: x,
    in_shardings=batch_sharded(mesh),
    out_shardings=replicated(mesh),
  )


def _is_everywhere(x, sharding):
  return isinstance(x, jax.Array) and x.sharding == sharding
