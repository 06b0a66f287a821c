"""From embeddings and cameras to pseudo-identities, without a label.

The threshold of the clustering is chosen without labels, too: two clusterings
of different evidence must agree at it.
"""

import dataclasses

import numpy as np
from sklearn import metrics

from selfgait_jax import errors
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.discover import links, walks

LEAST_WALKS = 2  # of each pseudo-identity of a batch, on average


@dataclasses.dataclass(frozen=True)
class Found:
  """Pseudo-identities of N sequences.

  Attributes:
    labels: int32 [N], -1 for a sequence without one.
    threshold: of the clustering, the one that was chosen.
    agreement: {threshold: adjusted Rand index between two clusterings}.
  """

  labels: np.ndarray
  threshold: float
  agreement: dict[float, float]

  def to_json(self) -> dict:
    """Plain values, for another process."""
    return dataclasses.asdict(self) | {
      'labels': self.labels.tolist(),
      'agreement': list(self.agreement.items()),
    }

  @classmethod
  def from_json(cls, found: dict) -> 'Found':
    """The inverse of `to_json`."""
    labels = np.array(found['labels'], np.int32)
    return cls(labels, found['threshold'], dict(found['agreement']))

  @property
  def classes(self) -> int:
    """Number of pseudo-identities."""
    return int(self.labels.max(initial=-1)) + 1


def check(sequences: SequenceSet, setting: str, least: int) -> None:
  """Raises UserError for data in which no identities can be found.

  Args:
    sequences: anonymous ones, from `blind.hide`.
    setting: one of `blind.SETTINGS`.
    least: pseudo-identities that a batch wants.
  """
  cameras = np.unique(sequences.views)
  if '' in cameras:
    raise errors.UserError(
      'expected the camera of every sequence, found sequences whose names do '
      'not tell it; add its pattern to selfgait_jax/data/datasets.py or take '
      'discover out of config.stages'
    )
  walks, seen = np.unique(sequences.subjects, return_counts=True)
  if setting == 'synchronised' and seen.max() < 2:
    raise errors.UserError(
      'expected walks seen by two cameras or more, found none among '
      f'{len(walks)}; set config.discover.setting=strict or prepare more views'
    )
  if len(walks) < LEAST_WALKS * least:
    what = 'walks' if setting == 'synchronised' else 'sequences'
    raise errors.UserError(
      f'expected at least {LEAST_WALKS * least} {what}, two for each of the '
      f'{least} pseudo-identities of a batch, found {len(walks)}; lower '
      'config.discover.batch_subjects or use more data'
    )


def find(
  embeddings: np.ndarray,
  free: np.ndarray,
  sequences: SequenceSet,
  setting: str,
  neighbours: int,
  averaged: int,
  least: int,
) -> Found:
  """Groups the sequences by person.

  Args:
    embeddings: [N, P, D], standardised by camera, parts of unit length.
    free: [N, Q, D], the parts of them that clothing leaves alone.
    sequences: N anonymous ones, from `blind.hide`.
    setting: one of `blind.SETTINGS`; 'synchronised' uses which sequences are
      of one walk.
    neighbours: see `walks.candidates`; 'synchronised' only.
    averaged: the same.
    least: sequences of a pseudo-identity; smaller groups are left out.

  Raises:
    errors.UserError: no threshold gives two pseudo-identities or more.
  """
  cameras, names = sequences.views, sequences.subjects
  if setting == 'synchronised':
    cluster = lambda rows: dict(
      walks.candidates(
        free[rows], cameras[rows], names[rows], neighbours, averaged
      )
    )
    tried = cluster(np.arange(len(names)))
    agreement, slack = _camera_agreement(cluster, tried, cameras, names), 0.0
  else:
    graph = links.settle(links.link(embeddings, free, cameras))
    tried = dict(links.communities(graph))
    agreement, slack = links.stability(graph), links.SLACK
  found = {key: _number(groups, least) for key, groups in tried.items()}
  usable = [key for key in found if found[key].max(initial=-1) > 0]
  if not usable:
    raise errors.UserError(
      f'expected pseudo-identities of {least} or more among {len(names)} '
      'sequences, found everything in one group or none; use more sequences or '
      'change config.discover.neighbours or batch_sequences'
    )
  chosen = _choose(usable, agreement, slack)
  return Found(found[chosen], chosen, agreement)


def _choose(usable, agreement, slack):
  """The largest threshold whose agreement is `slack` below the best or less."""
  known = {key: agreement.get(key, -1.0) for key in usable}
  enough = max(known.values()) - slack
  return max(key for key, value in known.items() if value >= enough)


def _camera_agreement(cluster, tried, cameras, names):
  """Agreement of the groups that every second camera finds with the others'.

  The two halves of the cameras see the same walks and share no picture.
  """
  odd = np.isin(cameras, np.unique(cameras)[::2])
  halves = []
  for half in (np.flatnonzero(odd), np.flatnonzero(~odd)):
    groups = cluster(half) if len(half) else {}
    _, first = np.unique(names[half], return_index=True)
    halves.append(
      (names[half][first], {k: g[first] for k, g in groups.items()})
    )
  (some, mine), (others, theirs) = halves
  _, here, there = np.intersect1d(some, others, return_indices=True)
  return {
    key: rand_index(mine[key][here], theirs[key][there])
    for key in tried
    if key in mine and key in theirs and len(here)
  }


def rand_index(some: np.ndarray, others: np.ndarray) -> float:
  """Adjusted Rand index of two groupings, in which -1 stands for alone."""
  alone = np.arange(len(some)) + max(some.max(), others.max()) + 1
  some, others = (np.where(x < 0, alone, x) for x in (some, others))
  return float(metrics.adjusted_rand_score(some, others))


def _number(groups, least):
  """Numbers 0, 1, 2, ... for the groups that are large enough, else -1."""
  names, place, counts = np.unique(
    groups, return_inverse=True, return_counts=True
  )
  kept = (names >= 0) & (counts >= least)
  numbers = np.where(kept, np.cumsum(kept) - 1, -1)
  return numbers[place].astype(np.int32)
