"""A threshold and probabilities for distances, fitted on known people."""

import dataclasses
import importlib.util
import json
import math

import numpy as np

from selfgait_jax import errors
from selfgait_jax.gallery import ranking
from selfgait_jax.protocols import logistic, open_set

WORST_EQUAL_ERROR = 40  # percent; half is chance
_BINS = 10  # of the calibration error


@dataclasses.dataclass(frozen=True)
class Curve:
  """A threshold, and a logistic curve over the distance.

  The probability is that of a trial where the own person and another one are
  equally likely beforehand.
  """

  threshold: float
  slope: float
  intercept: float

  def probability(self, distance: np.ndarray) -> np.ndarray:
    return logistic.probability(distance, self.slope, self.intercept)

  def accepts(self, distance: float) -> bool:
    return distance <= self.threshold


@dataclasses.dataclass(frozen=True)
class Calibration:
  """What a gallery keeps of a calibration.

  Attributes:
    far: false accept rate of the thresholds, from 0 to 1.
    people: number of people it was fitted on.
    clips: of these people.
    curves: by the way in which people are compared, see `ranking.BY`.
  """

  far: float
  people: int
  clips: int
  curves: dict[str, Curve]

  def to_json(self) -> str:
    return json.dumps(dataclasses.asdict(self))


def from_json(text: str) -> Calibration:
  """Raises ValueError for anything but the text of a calibration."""
  try:
    found = json.loads(text)
    curves = {by: Curve(**found['curves'][by]) for by in ranking.BY}
    values = [x for curve in curves.values() for x in vars(curve).values()]
    # Comparisons with a number fail for other types, and with NaN.
    if not all(value <= math.inf for value in values):
      raise ValueError('not a number')
    return Calibration(
      float(found['far']), int(found['people']), int(found['clips']), curves
    )
  except (KeyError, TypeError, AttributeError, RecursionError) as error:
    raise ValueError('another form') from error


def expect_installed() -> None:
  """Raises UserError without scikit-learn, before clips are read."""
  if importlib.util.find_spec('sklearn') is None:
    raise errors.UserError(
      'expected scikit-learn for a calibration, found none; run pip install '
      '"selfgait_jax[report]"'
    )


def check(equal_error: float | None, names: list[str]) -> None:
  """Raises UserError if distances hardly tell these people apart.

  That is so if the folders are not those of people.
  """
  if equal_error is not None and equal_error > WORST_EQUAL_ERROR:
    shown = errors.printable(', '.join(names), 100)
    raise errors.UserError(
      f'expected clips of one person nearer to each other than to those of '
      f'others, found an equal error rate of {equal_error:.0f} % among '
      f'{len(names)} people ({shown}); check that these are the names of '
      'people, or use another checkpoint'
    )


def fit(trials: open_set.Trials, far: float) -> Curve:
  """Fits threshold and curve to trials of people who are known.

  Raises:
    UserError: there are too few people or clips, or the own person is not
      nearer than others.
  """
  finite = np.isfinite(trials.distance)
  distance = trials.distance[finite]
  genuine = trials.genuine[finite]
  threshold = open_set.threshold(trials, far)
  if threshold is None or not genuine.any():
    raise errors.UserError(
      'expected clips of several people, two or more of each, with '
      f'{math.ceil(1 / far):,} comparisons of different people for a false '
      f'accept rate of {far:g}, found {genuine.sum():,} of the same person and '
      f'{(~genuine).sum():,} of different people; add people or choose a '
      'larger rate'
    )
  slope, intercept = logistic.fit(distance, genuine)
  if slope >= 0:
    raise errors.UserError(
      'expected clips of one person nearer to each other than to those of '
      'others, found them no nearer; check the names or use another checkpoint'
    )
  return Curve(threshold, slope, intercept)


def error(trials: open_set.Trials, curve: Curve) -> float | None:
  """The expected calibration error, from 0 to 1, in bins of equal width.

  Genuine trials weigh as much as the others together, as in `fit`. None unless
  there are both.
  """
  finite = np.isfinite(trials.distance)
  genuine = trials.genuine[finite]
  if genuine.all() or not genuine.any():
    return None
  probability = curve.probability(trials.distance[finite])
  weight = logistic.balanced_weights(genuine)
  place = np.minimum((probability * _BINS).astype(int), _BINS - 1)
  gap = np.bincount(place, weight * (probability - genuine), _BINS)
  return float(np.abs(gap).sum())
