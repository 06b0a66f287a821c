"""Verification: one threshold on the distance accepts or rejects each pair."""

import numpy as np

FALSE_ACCEPT_RATE = 0.01
# Counted by sign, exponent and 13 further bits of a float32: 2**21 bins, of
# which those of infinity and NaN stay empty.
_DROPPED_BITS = 10
_BINS = 2 ** (31 - _DROPPED_BITS)


class Pairs:
  """Histograms of the distances of genuine and of impostor pairs.

  A pair is genuine if both sequences show one subject. Distances are rounded
  down to 14 significant bits (0.012 %) and counted as they come, a block at a
  time. This takes 32 MiB for any gallery; all pairs of OU-MVLP would take 17
  GB.
  """

  def __init__(self, mated_only: bool = False):
    """`mated_only` leaves out the pairs of probes without a mate."""
    self._mated_only = mated_only
    self._genuine = np.zeros(_BINS, np.int64)
    self._all = np.zeros(_BINS, np.int64)

  def add(self, distance: np.ndarray, mates: np.ndarray) -> None:
    """Counts a block of pairs.

    Args:
      distance: float32 [m, n]; infinity leaves a pair out. A negative distance,
        as rounding gives with the cosine, counts as 0.
      mates: bool [m, n], the genuine pairs.
    """
    finite = np.isfinite(distance)
    if self._mated_only:
      finite &= (mates & finite).any(axis=1, keepdims=True)
    distance = np.where(distance > 0, distance, np.float32(0))
    # The bits of positive floats are in the order of their values.
    bins = distance.view(np.uint32) >> _DROPPED_BITS
    _count(self._all, bins[finite])
    _count(self._genuine, bins[finite & mates])

  def scores(self) -> dict[str, float]:
    """`eer` and `tar_far_0.01` in percent; NaN without pairs of either kind.

    A pair is accepted if its distance is at most the threshold, so pairs at
    one distance are accepted or rejected together. The equal error rate lies
    where the ROC curve, with straight lines between its points, meets false
    accepts = false rejects. The true accept rate is that of the largest
    threshold whose false accept rate is at most 1 %.
    """
    name = f'tar_far_{FALSE_ACCEPT_RATE}'
    used = np.flatnonzero(self._all)
    genuine = np.cumsum(self._genuine[used])
    impostor = np.cumsum(self._all[used]) - genuine
    if not len(used) or not genuine[-1] or not impostor[-1]:
      return {'eer': np.nan, name: np.nan}
    last = last_allowed(impostor, FALSE_ACCEPT_RATE)
    return {
      'eer': 100 * equal_error(genuine, impostor),
      name: 100 * np.append(0, genuine)[last] / genuine[-1],
    }


def equal_error(genuine: np.ndarray, impostor: np.ndarray) -> float:
  """The equal error rate, from 0 to 1; see `Pairs.scores`.

  Args:
    genuine: [K], the number of genuine pairs up to each of K thresholds in
      ascending order; the last accepts all pairs. At least one in all.
    impostor: [K], likewise of impostor pairs.
  """
  true_accept = np.append(0, genuine / genuine[-1])
  false_accept = np.append(0, impostor / impostor[-1])
  # From -1, where all are rejected, to 1, where all are accepted.
  excess = false_accept - (1 - true_accept)
  after = np.argmax(excess >= 0)
  before = after - 1
  weight = -excess[before] / (excess[after] - excess[before])
  step = false_accept[after] - false_accept[before]
  return float(false_accept[before] + weight * step)


def last_allowed(impostor: np.ndarray, far: float) -> int:
  """How many of the thresholds have a false accept rate of at most `far`.

  Args:
    impostor: [K], the number of impostor pairs up to each threshold.
    far: from 0 to 1.
  """
  # A little more, since the product may be rounded: 0.29 * 100 is 28.99...
  allowed = far * impostor[-1] + 1e-6
  return int(np.searchsorted(impostor, allowed, 'right'))


def _count(histogram, bins):
  """Adds the bins; only the stretch that is used is touched."""
  if len(bins):
    first = bins.min()
    counts = np.bincount(bins - first)
    histogram[first : first + len(counts)] += counts
