"""A stage's frames in device memory, and the clips that are taken of them.

Batches then are the numbers of frames alone, a few kilobytes a step. The step's
own program takes the clips.
"""

import jax
import jax.numpy as jnp
import numpy as np

from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.data.splits import Subset

CLIPS = ('clip', 'clip_1', 'clip_2')  # of a batch; the rest is not of frames


def pack(sequences: SequenceSet, subset: Subset) -> dict[str, np.ndarray]:
  """The frames of the rows that a stage draws from, on the host.

  Returns:
    {'bits': uint8 [F, H, W / 8]}, eight pixels a byte, where all pixels are 0
    or 255 and W allows it; else {'bytes': uint8 [F, H, W]}, which shares the
    memory of `sequences` where the rows lie there without a gap.
  """
  rows, starts = _rows(subset), store_starts(sequences, subset)
  bits = _bits(sequences, rows, starts)
  if bits is not None:
    return {'bits': bits}
  gaps = sequences.starts[rows] - starts[rows]
  if (gaps == gaps[0]).all():
    frames = sequences.frames[gaps[0] :][: sequences.lengths[rows].sum()]
  else:
    frames = np.concatenate([sequences[row] for row in rows])
  return {'bytes': frames}


def store_starts(sequences: SequenceSet, subset: Subset) -> np.ndarray:
  """int64 [N]: where each sequence begins in what `pack` returns.

  -1 for sequences that the stage does not draw from.
  """
  rows, starts = _rows(subset), np.full(len(sequences), -1, np.int64)
  lengths = sequences.lengths[rows]
  starts[rows] = np.cumsum(lengths) - lengths
  return starts


def take(store: dict[str, jax.Array], batch: dict) -> dict:
  """The batch with uint8 clips [B, T, H, W] for its frame numbers [B, T].

  Args:
    store: of `pack`, on the devices.
    batch: of `input_pipeline.number_function`; -1 is a frame of zeros.
  """
  clips = {name: _take(store, batch[name]) for name in CLIPS if name in batch}
  return batch | clips


def _bits(sequences, rows, starts):
  """A sequence at a time, so that little memory is needed; None if not b/w."""
  height, width = sequences.frames.shape[1:]
  if width % 8:
    return None
  shape = sequences.lengths[rows].sum(), height, width // 8
  bits = np.empty(shape, np.uint8)
  for row in rows:
    clip = sequences[row]
    if (clip + np.uint8(1) > 1).any():  # neither 255, which becomes 0, nor 0
      return None
    bits[starts[row] :][: len(clip)] = np.packbits(clip, axis=-1)
  return bits


def _take(store, numbers):
  ((kind, frames),) = store.items()
  found = frames.at[numbers].get(mode='clip')
  found = jnp.where(numbers[..., None, None] < 0, jnp.uint8(0), found)
  if kind == 'bits':
    found = jnp.unpackbits(found, axis=-1) * jnp.uint8(255)
  return found


def _rows(subset):
  return np.union1d(subset.unlabelled, subset.labelled)
