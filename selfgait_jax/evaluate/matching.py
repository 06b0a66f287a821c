"""How far apart pairs of one person and of two people are, in a sample."""

from typing import NamedTuple

import numpy as np

from selfgait_jax.evaluate.sample import Sample
from selfgait_jax.protocols import logistic, verification

BINS = 60  # of the histograms
RATES = 50  # points of a DET curve
PROBABILITIES = 10  # bins of the reliability
FOLDS = 5
_MOST_PAIRS = 200_000  # of a fold, to fit on


class Confusion(NamedTuple):
  """A probe that looks like somebody else; rows of the test side."""

  probe: int
  wrong: int
  mate: int
  wrong_distance: float
  mate_distance: float


def distances(
  sample: Sample, pairs: dict[str, tuple[np.ndarray, np.ndarray]]
) -> dict[str, np.ndarray]:
  """Histograms, threshold and DET curve of every probe group.

  Args:
    sample: for its groups.
    pairs: of `Sample.pairs`, by group.

  Returns:
    `edges` [BINS + 1]; `genuine` and `impostor`, counts [G, BINS], beyond the
    last edge in the last bin; `threshold` [G], where both error rates are
    equal, and `equal_error` [G] in percent; `false_accept` [RATES] and
    `false_reject` [G, RATES], in percent. NaN without pairs of either kind.
  """
  everything = np.concatenate([d[np.isfinite(d)] for d, _ in pairs.values()])
  if not len(everything):
    return {}
  edges = np.linspace(
    everything.min(), np.percentile(everything, 99.9) + 1e-6, BINS + 1
  )
  allowed = np.geomspace(1e-4, 1, RATES)
  found = {
    'edges': edges,
    'genuine': np.zeros((len(sample.groups), BINS), np.int64),
    'impostor': np.zeros((len(sample.groups), BINS), np.int64),
    'threshold': np.full(len(sample.groups), np.nan),
    'equal_error': np.full(len(sample.groups), np.nan),
    'false_accept': 100 * allowed,
    'false_reject': np.full((len(sample.groups), RATES), np.nan),
  }
  for i, (distance, mates) in enumerate(pairs.values()):
    there = np.isfinite(distance)
    clipped = np.minimum(distance, edges[-1])
    for kind, chosen in (('genuine', mates), ('impostor', ~mates)):
      found[kind][i] = np.histogram(clipped[there & chosen], edges)[0]
    order = np.argsort(distance[there], kind='stable')
    ordered, same = distance[there][order], mates[there][order]
    # Pairs at one distance are accepted together.
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    ends = ends[: len(ordered)]
    genuine, impostor = np.cumsum(same)[ends], np.cumsum(~same)[ends]
    if not len(genuine) or not genuine[-1] or not impostor[-1]:
      continue
    rejected = 1 - genuine / genuine[-1]
    equal = np.argmax(impostor / impostor[-1] >= rejected)
    found['threshold'][i] = ordered[ends][equal]
    error = verification.equal_error(genuine, impostor)
    found['equal_error'][i] = 100 * error
    at = [verification.last_allowed(impostor, rate) for rate in allowed]
    measurable = allowed * impostor[-1] >= 1
    curve = 100 * np.append(1, rejected)[at]
    found['false_reject'][i] = np.where(measurable, curve, np.nan)
  return found


def reliability(
  sample: Sample, pairs: dict[str, tuple[np.ndarray, np.ndarray]], seed: int
) -> dict[str, np.ndarray]:
  """Whether a logistic curve's probabilities come true for other people.

  The people are divided into folds. A curve is fitted on the pairs of the
  other folds and tried on those within a fold, so it never saw these people.
  Pairs of one person weigh as much as all others together, in each group.

  Args:
    sample: for its groups.
    pairs: of `Sample.pairs`, by group.
    seed: of the folds.

  Returns:
    `predicted` and `observed` [G, PROBABILITIES], means in percent, NaN in an
    empty bin; `weight` [G, PROBABILITIES], shares of the balanced weight; {}
    with fewer than four people or without pairs of both kinds in a fold.
  """
  probes, galleries, mates, distance, group = _flat(sample, pairs)
  people = np.union1d(probes, galleries)
  count = min(FOLDS, len(people) // 2)
  if count < 2:
    return {}
  rng = np.random.default_rng(seed)
  fold = np.zeros(people.max() + 1, int)
  fold[rng.permutation(people)] = np.arange(len(people)) % count
  own, other = fold[probes], fold[galleries]
  probability = np.full(len(distance), np.nan)
  for number in range(count):
    fit = np.flatnonzero((own != number) & (other != number))
    fit = rng.permutation(fit)[:_MOST_PAIRS]
    tried = np.flatnonzero((own == number) & (other == number))
    if not len(tried) or len(set(mates[fit])) < 2:
      continue
    curve = logistic.fit(distance[fit], mates[fit])
    probability[tried] = logistic.probability(distance[tried], *curve)
  there = np.isfinite(probability)
  if len(set(mates[there])) < 2:
    return {}
  found = {
    name: np.full((len(sample.groups), PROBABILITIES), np.nan)
    for name in ('predicted', 'observed', 'weight')
  }
  for i in range(len(sample.groups)):
    some = there & (group == i)
    if len(set(mates[some])) < 2:
      continue
    p, same = probability[some], mates[some]
    weight = logistic.balanced_weights(same)
    place = np.minimum((p * PROBABILITIES).astype(int), PROBABILITIES - 1)
    total = np.bincount(place, weight, PROBABILITIES)
    filled = total > 0
    for name, values in (('predicted', p), ('observed', same)):
      sums = np.bincount(place, weight * values, PROBABILITIES)
      found[name][i, filled] = 100 * sums[filled] / total[filled]
    found['weight'][i] = total
  return found


def confusions(
  sample: Sample, pairs: dict[str, tuple[np.ndarray, np.ndarray]], count: int
) -> list[Confusion]:
  """Probes that lie nearer to another person than to any mate.

  All views that the protocol ranks count at once. Two people are confused with
  each other at most once.
  """
  found = []
  for (rows, columns), (distance, mates) in zip(
    sample.groups.values(), pairs.values(), strict=True
  ):
    far = np.where(np.isfinite(distance), distance, np.inf)
    others, own = np.where(mates, np.inf, far), np.where(mates, far, np.inf)
    wrong, mate = others.argmin(axis=1), own.argmin(axis=1)
    at = np.arange(len(rows))
    for i in np.flatnonzero(np.isfinite(own[at, mate])):
      if others[i, wrong[i]] < own[i, mate[i]]:
        found.append(
          Confusion(
            int(rows[i]),
            int(columns[wrong[i]]),
            int(columns[mate[i]]),
            float(others[i, wrong[i]]),
            float(own[i, mate[i]]),
          )
        )
  found.sort(key=lambda c: c.wrong_distance - c.mate_distance)
  kept = {}
  for one in found:
    people = frozenset(sample.subjects[[one.probe, one.wrong]])
    kept.setdefault(people, one)
  return list(kept.values())[:count]


def _flat(sample, pairs):
  """Person of the probe and of the gallery, mates, distance and group [T]."""
  numbers = np.unique(sample.subjects, return_inverse=True)[1]
  parts = []
  for i, ((rows, columns), (distance, mates)) in enumerate(
    zip(sample.groups.values(), pairs.values(), strict=True)
  ):
    row, column = np.nonzero(np.isfinite(distance))
    parts.append(
      (
        numbers[rows][row],
        numbers[columns][column],
        mates[row, column],
        distance[row, column].astype(np.float64),
        np.full(len(row), i),
      )
    )
  return tuple(map(np.concatenate, zip(*parts, strict=True)))
