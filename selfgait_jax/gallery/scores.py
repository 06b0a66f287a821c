"""How well known people are told apart: rates, and tables by condition."""

import dataclasses
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from selfgait_jax import retrieval
from selfgait_jax.gallery import calibration, known, ranking
from selfgait_jax.protocols import open_set


class Pairs(NamedTuple):
  """Pairs of clips under two conditions, and the share within the threshold.

  Attributes:
    conditions: of the two clips, in alphabetical order.
    genuine: number of pairs of one person.
    accepted: of these, in percent; None if there are none.
    impostors: number of pairs of different people.
    falsely_accepted: of these, in percent; None if there are none.
  """

  conditions: tuple[str, str]
  genuine: int
  accepted: float | None
  impostors: int
  falsely_accepted: float | None


class Probes(NamedTuple):
  """Probes under one condition, or all.

  Attributes:
    condition: '' for all.
    clips: number of probes.
    rank1: percent of those of enrolled people that find their person first.
    accepted: percent of these within the threshold; None without one.
    falsely_accepted: percent of comparisons with others within it.
  """

  condition: str
  clips: int
  rank1: float | None
  accepted: float | None
  falsely_accepted: float | None


@dataclasses.dataclass(frozen=True)
class Scores:
  """What `Gallery.calibrate` and `Gallery.evaluate` find.

  Attributes:
    people: number of people whose clips were used.
    clips: number of their clips.
    refused: number of clips that were refused.
    genuine: number of comparisons of a clip with its own person.
    impostors: number of those with other people.
    rates: see `open_set.rates`.
    threshold: distance up to which a person is accepted; None without a
      calibration.
    strangers_accepted: percent of clips that find anybody within the threshold
      if their own person is not enrolled; None without a threshold.
    calibration_error: of the probabilities, see `calibration.error`; of a
      calibration, on the people it was fitted on.
    probes: by condition; the first is of all.
    pairs: by pairs of conditions; of a calibration where they are known.
  """

  people: int
  clips: int
  refused: int
  genuine: int
  impostors: int
  rates: dict[str, open_set.Rate]
  threshold: float | None
  strangers_accepted: float | None
  calibration_error: float | None
  probes: list[Probes]
  pairs: list[Pairs]


def score(
  trials: open_set.Trials,
  found: known.Known,
  curve: calibration.Curve | None,
  pairs: list[Pairs] | None = None,
) -> Scores:
  """All scores of trials of known clips; see `Scores`."""
  limit = strangers = error = None
  if curve is not None:
    limit = curve.threshold
    strangers = open_set.strangers_accepted(trials, limit)
    error = calibration.error(trials, curve)
  finite = np.isfinite(trials.distance)
  return Scores(
    people=len(found.names),
    clips=len(found.people),
    refused=found.refused,
    genuine=int((trials.genuine & finite).sum()),
    impostors=int((~trials.genuine & finite).sum()),
    rates=open_set.rates(trials),
    threshold=limit,
    strangers_accepted=None if strangers is None else 100 * strangers,
    calibration_error=error,
    probes=by_probes(trials, found.conditions, limit),
    pairs=pairs or [],
  )


def kind(condition: str) -> str:
  """A condition without the number of its walk: 'nm' of 'nm-01'."""
  return re.sub(r'[-_ ]?\d+$', '', condition) or condition


def trials_among(
  embeddings: np.ndarray, people: np.ndarray, metric: str
) -> dict[str, open_set.Trials]:
  """Trials of clips against each other's people, the own clip left out.

  Args:
    embeddings: float32 [N, P, D].
    people: int [N], from 0 on without a gap.
    metric: see `retrieval`.

  Returns:
    Of each way to compare, see `ranking.BY`.
  """
  count = people.max(initial=-1) + 1
  found = {by: np.empty((len(people), count), np.float32) for by in ranking.BY}
  for rows, distance in _blocks(embeddings, metric):
    distance[np.arange(len(distance)), np.arange(rows.start, rows.stop)] = (
      np.inf
    )
    for by, target in found.items():
      target[rows] = ranking.person_distances(distance, people, count, by)
  return {by: open_set.Trials(values, people) for by, values in found.items()}


def by_conditions(
  found: known.Known, metric: str, threshold: float
) -> list[Pairs]:
  """Pairs of clips, by the conditions of both; their numbers are left out.

  A large share of false accepts where both wear a coat says that the coat was
  recognised, not the person.

  Args:
    found: clips with conditions.
    metric: see `retrieval`.
    threshold: distance up to which a pair is accepted.
  """
  people = found.people
  names, number = np.unique(
    [kind(c) for c in found.conditions], return_inverse=True
  )
  count = len(names)
  tally = np.zeros((2, 2, count * count), np.int64)  # genuine, accepted, pair
  for rows, distance in _blocks(found.embeddings, metric):
    for row, own in enumerate(range(rows.start, rows.stop)):
      later = slice(own + 1, None)
      low = np.minimum(number[own], number[later])
      pair = low * count + np.maximum(number[own], number[later])
      genuine = people[later] == people[own]
      accepted = distance[row, later] <= threshold
      for same in (False, True):
        for near in (False, True):
          chosen = pair[(genuine == same) & (accepted == near)]
          tally[int(same), int(near)] += np.bincount(
            chosen, minlength=count * count
          )
  pairs = []
  for place in np.flatnonzero(tally.sum((0, 1))):
    (other_far, other_near), (own_far, own_near) = tally[:, :, place].tolist()
    pairs.append(
      Pairs(
        (str(names[place // count]), str(names[place % count])),
        own_far + own_near,
        _percent(own_near, own_far + own_near),
        other_far + other_near,
        _percent(other_near, other_far + other_near),
      )
    )
  return pairs


def by_probes(
  trials: open_set.Trials,
  conditions: Sequence[str],
  threshold: float | None,
) -> list[Probes]:
  """Probes by condition; the first row is of all.

  Args:
    trials: of the probes.
    conditions: of the probes; numbers are left out; '' where not known.
    threshold: if there is a calibration.
  """
  kinds = np.array([kind(c) for c in conditions], object)
  groups = [('', np.ones(len(kinds), bool))]
  groups += [(name, kinds == name) for name in sorted(set(kinds) - {''})]
  return [_probes(trials, name, chosen, threshold) for name, chosen in groups]


def _probes(trials, name, chosen, threshold):
  distance, genuine = trials.distance[chosen], trials.genuine[chosen]
  finite = np.isfinite(distance)
  mated = (genuine & finite).any(axis=1)
  own = np.where(genuine, distance, np.inf).min(axis=1, initial=np.inf)[mated]
  first = distance.argmin(axis=1)[mated] if mated.any() else []
  rank1 = np.sum(first == trials.people[chosen][mated])
  accepted = falsely = None
  if threshold is not None:
    accepted = _percent(np.sum(own <= threshold), mated.sum())
    others = distance[finite & ~genuine]
    falsely = _percent(np.sum(others <= threshold), len(others))
  return Probes(
    name, int(chosen.sum()), _percent(rank1, mated.sum()), accepted, falsely
  )


def _blocks(embeddings, metric):
  """Yields (rows, float32 [m, N]) of all distances."""
  for rows in retrieval.host_blocks(len(embeddings), len(embeddings)):
    yield (
      rows,
      retrieval.pairwise_distance(embeddings[rows], embeddings, metric),
    )


def _percent(part, whole):
  return 100 * float(part) / float(whole) if whole else None
