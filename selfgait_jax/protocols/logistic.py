"""A logistic curve from a distance to the probability of one person.

Pairs of one person weigh as much as all pairs of two people together: the
probability is that of a pair where both are equally likely beforehand.
"""

import numpy as np


def fit(distance: np.ndarray, genuine: np.ndarray) -> tuple[float, float]:
  """The slope and intercept of the curve; needs scikit-learn.

  Args:
    distance: finite, float [N].
    genuine: bool [N], pairs of one person; both kinds must be there.
  """
  from sklearn import linear_model

  distance = np.asarray(distance, np.float64)
  mean, scale = distance.mean(), max(distance.std(), 1e-12)
  model = linear_model.LogisticRegression(class_weight='balanced')
  model.fit(((distance - mean) / scale)[:, None], genuine)
  slope = float(model.coef_[0, 0] / scale)
  return slope, float(model.intercept_[0]) - slope * float(mean)


def probability(
  distance: np.ndarray, slope: float, intercept: float
) -> np.ndarray:
  """From 0 to 1, of the shape of `distance`."""
  score = intercept + slope * np.asarray(distance, np.float64)
  return 1 / (1 + np.exp(-np.clip(score, -500, 500)))


def balanced_weights(genuine: np.ndarray) -> np.ndarray:
  """Weights [N] of pairs; each kind, which must be there, adds up to 1/2."""
  return np.where(genuine, 0.5 / genuine.sum(), 0.5 / (~genuine).sum())
