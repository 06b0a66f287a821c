"""Embeddings that stay on the device between searches."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from selfgait_jax import retrieval

_CHUNK = 64  # rows that are written at once; one alone is written by itself


class Index:
  """Embeddings in blocks of one size, so that growing compiles nothing.

  Rows keep their numbers when others are removed.
  """

  def __init__(self, metric: str, block: int = retrieval.GALLERY_BLOCK):
    """`metric` as in `retrieval`; `block` rows take device memory at once."""
    self._metric, self._size = metric, block
    self._blocks: list[jax.Array] = []
    self._kept = np.zeros(0, bool)

  def __len__(self) -> int:
    """Number of rows, removed ones included."""
    return len(self._kept)

  @property
  def kept(self) -> np.ndarray:
    """bool [N], False for removed rows."""
    return self._kept

  def append(self, embeddings: np.ndarray) -> None:
    """Adds rows, float32 [n, P, D] with the P and D of the first; copies."""
    while len(embeddings):
      used = len(self) % self._size
      if not used:
        taken = embeddings[: self._size]
        missing = self._size - len(taken)
        block = (
          np.pad(taken, ((0, missing), (0, 0), (0, 0))) if missing else taken
        )
        self._blocks.append(jnp.array(block))
      else:
        taken = embeddings[: 1 if len(embeddings) == 1 else _CHUNK]
        taken = taken[: self._size - used]
        self._write(len(self) + np.arange(len(taken)), taken)
      self._kept = np.append(self._kept, np.ones(len(taken), bool))
      embeddings = embeddings[len(taken) :]

  def remove(self, rows: np.ndarray) -> None:
    """Leaves rows out of searches, and overwrites them with zeros."""
    for block in np.unique(rows // self._size):
      inside = rows[rows // self._size == block]
      for start in range(0, len(inside), _CHUNK):
        some = inside[start : start + _CHUNK]
        shape = self._blocks[block].shape[1:]
        self._write(some, np.zeros((len(some), *shape), np.float32))
    self._kept[rows] = False

  def distances(self, probes: np.ndarray) -> np.ndarray:
    """float32 [M, N] of probes [M, P, D]; infinity for removed rows."""
    found = np.empty((len(probes), len(self)), np.float32)
    on_device = jnp.asarray(probes)
    for number, block in enumerate(self._blocks):
      start = number * self._size
      some = found[:, start : start + self._size]
      distance = retrieval.pairwise_distance(on_device, block, self._metric)
      some[:] = distance[:, : some.shape[1]]
    found[:, ~self._kept] = np.inf
    return found

  def _write(self, rows, values):
    """Writes rows of one block, all below its size."""
    block = rows[0] // self._size
    # Two compiled programs: rows beyond the block are dropped.
    padded = 1 if len(rows) == 1 else _CHUNK
    places = np.full(padded, self._size, np.int32)
    places[: len(rows)] = rows % self._size
    padding = ((0, padded - len(rows)), (0, 0), (0, 0))
    self._blocks[block] = _put(
      self._blocks[block], places, np.pad(values, padding)
    )


@functools.partial(jax.jit, donate_argnums=0)
def _put(block, places, values):
  return block.at[places].set(values, mode='drop')
