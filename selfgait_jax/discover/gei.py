"""Gait energy images (Han and Bhanu, 2006): features without a network."""

import numpy as np

from selfgait_jax.data.sequences import SequenceSet

DEVIATION_FLOOR = 0.05  # added to the deviation of a pixel, of white = 1
STRIPS = 16


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


def strips(images: np.ndarray, width: int) -> np.ndarray:
  """Horizontal strips of the middle `width` columns, as parts.

  Args:
    images: [N, 1, 64 * 64], of `embed`.
    width: of the crop.

  Returns:
    float32 [N, STRIPS, 64 / STRIPS * width], from head to feet.
  """
  images = images.reshape(len(images), 64, 64)
  left = (64 - width) // 2
  return images[:, :, left : left + width].reshape(len(images), STRIPS, -1)
