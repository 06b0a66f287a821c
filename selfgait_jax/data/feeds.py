"""How the batches of a stage reach the devices.

A feed has four members: `place` puts a batch of this process on the devices;
`read` turns the result into clips inside the compiled step; `sharding` is the
layout of that result; `clips` returns clips to this process, for pictures.
"""

import dataclasses

import jax
import numpy as np

from selfgait_jax.data import resident
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.data.splits import Subset
from selfgait_jax.machine import sharding


@dataclasses.dataclass(frozen=True)
class StreamedFeed:
  """The clips travel to the devices with every batch."""

  mesh: jax.sharding.Mesh

  @property
  def sharding(self) -> jax.sharding.NamedSharding:
    return sharding.batch_sharded(self.mesh)

  def place(self, batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
    return sharding.shard_batch(batch, self.mesh)

  def read(self, placed: dict[str, jax.Array]) -> dict[str, jax.Array]:
    return placed

  def clips(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return batch


class ResidentFeed:
  """Every device holds the frames of the stage; a batch holds frame numbers."""

  def __init__(self, sequences: SequenceSet, subset: Subset, mesh):
    """Raises UserError if the frames do not fit into the devices' memory."""
    self._mesh = mesh
    self._split = sharding.batch_sharded(mesh)
    self._store = sharding.hold(resident.pack(sequences, subset), mesh)
    self.sharding = (sharding.replicated(mesh), self._split)

  def place(self, batch: dict[str, np.ndarray]) -> tuple[dict, dict]:
    return self._store, sharding.shard_batch(batch, self._mesh)

  def read(self, placed: tuple[dict, dict]) -> dict[str, jax.Array]:
    # Without this constraint the compiler may split the losses differently, and
    # sums would be rounded in another way than with a StreamedFeed.
    return jax.lax.with_sharding_constraint(resident.take(*placed), self._split)

  def clips(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    # From one local device, so that no other process has to take part.
    store = jax.tree.map(lambda x: x.addressable_data(0), self._store)
    return jax.device_get(resident.take(store, batch))


def make_feed(
  config, sequences: SequenceSet, subset: Subset, mesh
) -> StreamedFeed | ResidentFeed:
  """The feed that `data.loader` asks for.

  Args:
    config: the whole config.
    sequences: the training side.
    subset: rows of it for the stage.
    mesh: of all devices.

  Raises:
    UserError: the frames are too many for the devices.
  """
  if config.data.loader == 'device':
    return ResidentFeed(sequences, subset, mesh)
  return StreamedFeed(mesh)
