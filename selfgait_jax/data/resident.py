"""Keeps a stage's frames in device memory and cuts clips from them there.

The host then sends only frame numbers, a few kilobytes a step; the compiled
step gathers the pixels.
"""

import jax
import jax.numpy as jnp
import numpy as np

from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.data.splits import Subset

CLIPS = ('clip', 'clip_1', 'clip_2')  # keys of a batch that hold frames


def pack(sequences: SequenceSet, subset: Subset) -> dict[str, np.ndarray]:
  """Collects the frames that a stage draws from, on the host.

  Returns:
    {'bits': uint8 [F, H, W / 8]}, eight pixels a byte, if all pixels are 0 or
    255 and 8 divides W; else {'bytes': uint8 [F, H, W]}, which shares the
    memory of `sequences` if the rows are adjacent there.
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
  """First frame of each sequence in the result of `pack`, int64 [N].

  -1 for sequences that the stage does not draw from.
  """
  rows, starts = _rows(subset), np.full(len(sequences), -1, np.int64)
  lengths = sequences.lengths[rows]
  starts[rows] = np.cumsum(lengths) - lengths
  return starts


def take(store: dict[str, jax.Array], batch: dict) -> dict:
  """Replaces the frame numbers [B, T] of a batch by clips, uint8 [B, T, H, W].

  Args:
    store: the result of `pack`, on the devices.
    batch: from `input_pipeline.number_function`; -1 gives a frame of zeros.
  """
  clips = {name: _take(store, batch[name]) for name in CLIPS if name in batch}
  return batch | clips


def _bits(sequences, rows, starts):
  """Packs one sequence at a time, to save memory; None if a pixel is grey."""
  height, width = sequences.frames.shape[1:]
  if width % 8:
    return None
  shape = sequences.lengths[rows].sum(), height, width // 8
  bits = np.empty(shape, np.uint8)
  for row in rows:
    clip = sequences[row]
    if (clip + np.uint8(1) > 1).any():  # 255 + 1 wraps to 0, and 0 + 1 is 1
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
