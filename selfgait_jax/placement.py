"""How a batch comes onto the devices, whichever loader made it."""

import functools

from selfgait_jax import sharding
from selfgait_jax.data import resident


def make_placement(config, sequences, subset, mesh):
  """What places the batches that `input_pipeline.batches` yields.

  Args:
    config: the whole config; `data.loader` decides.
    sequences: the training side.
    subset: rows of it for the stage.
    mesh: of all devices.

  Returns:
    A function, this host's batch -> global arrays with clips; the frames that
    the devices hold (data/resident.py), None where they come with each batch.

  Raises:
    errors.UserError: the frames are too many for the devices.
  """
  shard = functools.partial(sharding.shard_batch, mesh=mesh)
  if config.data.loader != 'device':
    return shard, None
  store = sharding.hold(resident.pack(sequences, subset), mesh)
  take = sharding.compile_take(resident.take, mesh)
  return lambda batch: take(store, shard(batch)), store
