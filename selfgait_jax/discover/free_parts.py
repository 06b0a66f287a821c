"""Which parts of an embedding clothing leaves alone, found without labels."""

import numpy as np

LEAST_WEIGHT = 0.9  # of the best part's weight


def find(plain: np.ndarray, dressed: np.ndarray) -> np.ndarray:
  """The parts that stay nearly the same when a drawn coat or bag is put on.

  A part's weight is its variance between sequences, divided by the sum of this
  variance and of the mean squared change by the clothes.

  Args:
    plain: [M, P, D], embeddings of some unlabelled sequences.
    dressed: [M, P, D], of the same with drawn clothes on.

  Returns:
    bool [P]; all parts if clothes change none of them.
  """
  between = plain.var(axis=0).mean(axis=1)
  change = np.square(plain - dressed).mean(axis=(0, 2))
  weight = between / np.maximum(between + change, np.finfo(np.float32).tiny)
  return weight >= LEAST_WEIGHT * weight.max()
