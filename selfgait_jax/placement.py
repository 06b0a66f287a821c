"""How a batch comes onto the devices, whichever loader made it."""

from selfgait_jax.data import resident
from selfgait_jax.machine import sharding


def make_placement(config, sequences, subset, mesh):
  """What places the batches that `input_pipeline.batches` yields.

  Args:
    config: the whole config; `data.loader` decides.
    sequences: the training side.
    subset: rows of it for the stage.
    mesh: of all devices.

  Returns:
    A function, this host's batch -> what follows the state in the arguments of
    the step; the `take` that `sharding.compile_step` needs for it, and the
    frames that the devices hold (data/resident.py), both None where clips come
    with each batch.

  Raises:
    errors.UserError: the frames are too many for the devices.
  """
  if config.data.loader != 'device':
    return lambda batch: (sharding.shard_batch(batch, mesh),), None, None
  store = sharding.hold(resident.pack(sequences, subset), mesh)
  place = lambda batch: (store, sharding.shard_batch(batch, mesh))
  return place, resident.take, store
