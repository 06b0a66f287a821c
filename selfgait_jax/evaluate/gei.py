"""Gait energy images (Han and Bhanu, 2006): a floor that needs no network."""

import numpy as np

from selfgait_jax.data.sequences import SequenceSet


def embed(sequences: SequenceSet, max_frames: int) -> np.ndarray:
  """The mean silhouette of each sequence, as one part.

  Args:
    sequences: N of them.
    max_frames: of a sequence, from its start.

  Returns:
    float32 [N, 1, H * W] in 0..1, for `protocols.evaluate`.
  """
  pixels = sequences.frames.shape[1] * sequences.frames.shape[2]
  images = np.empty((len(sequences), 1, pixels), np.float32)
  for row in range(len(sequences)):
    mean = sequences[row][:max_frames].mean(axis=0, dtype=np.float32)
    images[row, 0] = mean.ravel() / 255
  return images
