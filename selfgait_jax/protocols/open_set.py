"""Open set: clips against people, some of whom are not enrolled.

A trial is a clip and a person, as a gallery compares them: its distance is that
of the nearest of the person's other clips, or of their mean. It is genuine if
the clip shows that person, and accepted if its distance is at most the
threshold.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from selfgait_jax.protocols import verification

FAR = 0.01  # false accept rate of the DIR
FARS = (FAR, 0.001)  # of the TAR
REPLICATES = 500  # of the bootstrap
INTERVAL = (2.5, 97.5)  # percentiles of the replicates


class Rate(NamedTuple):
  """A rate in percent with its 95 % interval; None where it is not known."""

  value: float | None
  low: float | None
  high: float | None


@dataclasses.dataclass(frozen=True)
class Trials:
  """Distances of clips to people.

  Attributes:
    distance: float32 [M, S], of every clip to every enrolled person; infinity
      leaves a trial out, such as a person with the clip itself alone.
    people: int [M], the person of every clip: its column, or S and above for
      people who are not enrolled.
  """

  distance: np.ndarray
  people: np.ndarray

  @property
  def genuine(self) -> np.ndarray:
    """bool [M, S]."""
    return self.people[:, None] == np.arange(self.distance.shape[1])


def rates(trials: Trials, seed: int = 0) -> dict[str, Rate]:
  """Error rates over all thresholds, with intervals over people.

  `eer`, `tar_far_0.01` and `tar_far_0.001` are as in
  `verification.Pairs.scores`, of trials without rounding. `dir_far_0.01` is the
  detection and identification rate: the share of clips of enrolled people
  whose own person is the nearest, and within the threshold. That threshold is
  the largest with which at most 1 % of clips find anybody if their own person
  is not enrolled; every clip is tried so, its own person left out.

  A rate is None without genuine trials, and where there are fewer trials of
  impostors than one over the false accept rate. The intervals are those of a
  bootstrap that draws people with replacement, with all their clips.
  """
  columns = trials.distance.shape[1]
  present = np.union1d(trials.people, np.arange(columns))
  count = present.max(initial=-1) + 1
  pairs, best = _pairs(trials), _best(trials)
  mated = trials.people[_mated(trials)]
  measure = lambda weights: _measure(pairs, best, weights[mated].sum(), weights)
  found = measure(np.ones(count, np.int64))
  allowed = {'eer': pairs.impostors > 0}
  allowed |= {f'tar_far_{far}': pairs.impostors * far >= 1 for far in FARS}
  allowed[f'dir_far_{FAR}'] = best.impostors * FAR >= 1
  known = {k for k, value in found.items() if allowed[k] and value is not None}

  rng, drawn = np.random.default_rng(seed), []
  for _ in range(REPLICATES if known else 0):
    people = rng.choice(present, len(present))
    drawn.append(measure(np.bincount(people, minlength=count)))
  return {
    name: _rate(found[name], [replicate[name] for replicate in drawn])
    if name in known
    else Rate(None, None, None)
    for name in found
  }


def threshold(trials: Trials, far: float = FAR) -> float | None:
  """The largest distance that accepts at most `far` of the impostor trials.

  None if there are fewer of them than one over `far`.
  """
  pairs = _pairs(trials)
  if pairs.impostors * far < 1:
    return None
  impostor = np.cumsum(~pairs.genuine)[pairs.last]
  last = verification.last_allowed(impostor, far)
  # Below the first, where too many impostors share the smallest distance.
  return float(pairs.distance[last - 1] if last else -np.inf)


def strangers_accepted(trials: Trials, limit: float) -> float | None:
  """The share, from 0 to 1, of clips that find anybody within `limit`.

  The own person of every clip is left out, as if not enrolled. None without
  other people.
  """
  others = _others(trials).min(axis=1, initial=np.inf)
  others = others[np.isfinite(others)]
  return float((others <= limit).mean()) if len(others) else None


@dataclasses.dataclass(frozen=True)
class _Ordered:
  """Trials by distance; K distances differ.

  Attributes:
    distance: [K], ascending.
    last: int [K], the last trial at each distance.
    person: int [T], whose clip it is.
    other: int [T], with whom it is compared; -1 where that has no weight.
    genuine: bool [T].
  """

  distance: np.ndarray
  last: np.ndarray
  person: np.ndarray
  other: np.ndarray
  genuine: np.ndarray

  @property
  def impostors(self) -> int:
    return int((~self.genuine).sum())

  def counts(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Genuine and impostor trials up to each distance.

    Args:
      weights: int, how often each person was drawn.
    """
    factor = np.append(weights, 1)[self.other]  # -1 is the last
    weight = weights[self.person] * factor
    genuine = np.cumsum(np.where(self.genuine, weight, 0))[self.last]
    return genuine, np.cumsum(weight)[self.last] - genuine


def _ordered(distance, person, other, genuine):
  order = np.argsort(distance, kind='stable')
  distance = distance[order]
  last = np.flatnonzero(np.append(distance[1:] != distance[:-1], True))
  last = last[: len(distance)]  # none of none
  return _Ordered(
    distance[last], last, person[order], other[order], genuine[order]
  )


def _pairs(trials):
  """All trials, for EER and TAR."""
  row, column = np.nonzero(np.isfinite(trials.distance))
  person = trials.people[row]
  genuine = person == column
  return _ordered(
    trials.distance[row, column],
    person,
    np.where(genuine, -1, column),
    genuine,
  )


def _best(trials):
  """The nearest person of every clip, for DIR.

  Genuine are clips that find their own person, if that is enrolled; impostors
  are clips whose own person is not enrolled or left out.
  """
  rows = np.flatnonzero(_mated(trials))
  own = trials.distance[rows, trials.people[rows]]
  others = _others(trials).min(axis=1, initial=np.inf)
  # Of people at the same distance, the first is found.
  earlier = np.arange(trials.distance.shape[1]) < trials.people[rows, None]
  nearer = trials.distance[rows] < own[:, None]
  nearer |= earlier & (trials.distance[rows] == own[:, None])
  found = ~nearer.any(axis=1)
  strange = np.isfinite(others)
  person = np.append(trials.people[rows[found]], trials.people[strange])
  return _ordered(
    np.append(own[found], others[strange]),
    person,
    np.full(len(person), -1),
    np.arange(len(person)) < found.sum(),
  )


def _mated(trials):
  """bool [M]: clips whose own person is enrolled."""
  return (trials.genuine & np.isfinite(trials.distance)).any(axis=1)


def _others(trials):
  return np.where(trials.genuine, np.inf, trials.distance)


def _measure(pairs, best, mated, weights):
  """{name: percent or None}; `mated` clips have their person enrolled."""
  rates = dict.fromkeys(['eer', *(f'tar_far_{far}' for far in FARS)])
  if len(pairs.last):
    genuine, impostor = pairs.counts(weights)
    if genuine[-1] and impostor[-1]:
      rates['eer'] = 100 * verification.equal_error(genuine, impostor)
      for far in FARS:
        last = verification.last_allowed(impostor, far)
        share = np.append(0, genuine)[last] / genuine[-1]
        rates[f'tar_far_{far}'] = 100 * float(share)
  rates[f'dir_far_{FAR}'] = None
  if len(best.last) and mated:
    found, strange = best.counts(weights)
    if strange[-1]:
      last = verification.last_allowed(strange, FAR)
      rates[f'dir_far_{FAR}'] = 100 * float(np.append(0, found)[last] / mated)
  return rates


def _rate(value, replicates):
  """With an interval, unless most replicates lack the trials for a value."""
  replicates = [rate for rate in replicates if rate is not None]
  if 2 * len(replicates) < REPLICATES:
    return Rate(value, None, None)
  low, high = np.percentile(replicates, INTERVAL)
  return Rate(value, float(low), float(high))
