"""Standardises embeddings camera by camera."""

import numpy as np


def standardise(
  embeddings: np.ndarray,
  cameras: np.ndarray,
  train: np.ndarray,
  train_cameras: np.ndarray,
  floor: float,
) -> np.ndarray:
  """Subtracts each camera's mean embedding and divides by its deviation.

  A camera without training sequences takes the statistics of all of them.

  Args:
    embeddings: [N, P, D].
    cameras: [N], the camera of each.
    train: [M, P, D], of unlabelled training sequences.
    train_cameras: [M].
    floor: added to the deviation, so that features that hardly vary stay small.

  Returns:
    float32 [N, P, D].
  """
  out = np.empty(embeddings.shape, np.float32)
  for camera in np.unique(cameras):
    seen = train[train_cameras == camera]
    seen = seen if len(seen) else train
    rows = cameras == camera
    deviation = seen.std(axis=0) + floor
    out[rows] = (embeddings[rows] - seen.mean(axis=0)) / deviation
  return out
