"""The part of the test side that the pictures of the report are made of."""

import dataclasses

import numpy as np

from selfgait_jax import protocols, retrieval
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.protocols import counting, roles

PROBES = 1000  # at most
GALLERY = 3000  # at most; people are kept or left out whole


@dataclasses.dataclass(frozen=True)
class Sample:
  """Probes and gallery of a protocol, or of some of its people.

  Attributes:
    groups: probe group -> (rows of its probes, rows of its gallery).
    subjects: str [N], of all sequences; the rows point into it.
    views: str [N], what the protocol compares as the view.
    rules: the protocol.
  """

  groups: dict[str, tuple[np.ndarray, np.ndarray]]
  subjects: np.ndarray
  views: np.ndarray
  rules: protocols.Protocol

  @property
  def size(self) -> tuple[int, int, int]:
    """Numbers of probes, of gallery sequences and of people."""
    probes, gallery = map(_together, zip(*self.groups.values(), strict=True))
    people = np.unique(self.subjects[np.union1d(probes, gallery)])
    return len(probes), len(gallery), len(people)

  def pairs(
    self, embeddings: np.ndarray, group: str, metric: str
  ) -> tuple[np.ndarray, np.ndarray]:
    """Distances float32 [m, n], and which show one person, bool [m, n].

    The distance of a pair that the protocol does not rank is NaN.
    """
    rows, columns = self.groups[group]
    distance = retrieval.pairwise_distance(
      embeddings[rows], embeddings[columns], metric
    )
    distance[~self.ranked(group)] = np.nan
    return distance, self.mates(group)

  def ranked(self, group: str) -> np.ndarray:
    """bool [m, n], the pairs that the protocol ranks."""
    of = self.groups[group]
    return roles.ranked(self.rules, self.subjects, self.views, *of)

  def mates(self, group: str) -> np.ndarray:
    """bool [m, n], the pairs that show one person."""
    rows, columns = self.groups[group]
    return self.subjects[rows, None] == self.subjects[columns]

  def rank1(self, distance: np.ndarray, group: str) -> float:
    """Rank-1 in percent by distances [m, n], as the protocol counts it.

    NaN where there is nothing to count. With one gallery a view, every probe
    and view counts once.
    """
    ranked, mates = self.ranked(group), self.mates(group)
    galleries = np.zeros(mates.shape[1], int)
    if self.rules.score is counting.view_pairs:
      views = self.views[self.groups[group][1]]
      galleries = np.unique(views, return_inverse=True)[1]
    hits = []
    for gallery in range(galleries.max(initial=-1) + 1):
      columns = np.flatnonzero(galleries == gallery)
      some = np.where(ranked[:, columns], distance[:, columns], np.inf)
      nearest = some.argmin(axis=1)
      there = np.arange(len(some))[ranked[:, columns].any(axis=1)]
      hits.append(mates[there, columns[nearest[there]]])
    hits = np.concatenate([*hits, np.zeros(0, bool)])
    return float(100 * hits.mean()) if len(hits) else np.nan

  def fewer(self, probes: int, seed: int) -> 'Sample':
    """The same gallery with at most this many probes, in a group maybe none."""
    return dataclasses.replace(
      self, groups=_fewer_probes(self.groups, probes, seed)
    )


def draw(
  protocol: str, sequences: SequenceSet, seed: int, lists: dict
) -> Sample:
  """Draws at most `PROBES` probes and about `GALLERY` gallery sequences.

  All processes draw the same. Fewer people make recognition easier, so figures
  of a sample compare with each other and not with `results.json`.

  Args:
    protocol: its name.
    sequences: the test side.
    seed: of the draw.
    lists: see `scores.probe_lists`.
  """
  rules = protocols.find(protocol)
  subjects, conditions = sequences.subjects, sequences.conditions
  views = roles.compared_views(rules, conditions, sequences.views)
  groups = roles.roles(rules, subjects, conditions, views, **lists)
  groups = _fewer_people(groups, subjects, seed)
  groups = _fewer_probes(groups, PROBES, seed)
  groups = {group: of for group, of in groups.items() if len(of[0])}
  return Sample(groups, subjects, views, rules)


def _fewer_people(groups, subjects, seed):
  """Leaves people out until the gallery fits; those with probes come first."""
  probes, gallery = map(_together, zip(*groups.values(), strict=True))
  if len(gallery) <= GALLERY:
    return groups
  people, counts = np.unique(subjects[gallery], return_counts=True)
  order = np.random.default_rng(seed).permutation(len(people))
  probed = np.isin(people[order], subjects[probes])
  order = np.concatenate([order[probed], order[~probed]])
  fits = np.cumsum(counts[order]) <= GALLERY
  fits[0] = True
  kept = people[order[fits]]
  chosen = np.isin(subjects, kept)
  found = {
    group: (rows[chosen[rows]], columns[chosen[columns]])
    for group, (rows, columns) in groups.items()
  }
  return {g: of for g, of in found.items() if len(of[0]) and len(of[1])}


def _fewer_probes(groups, count, seed):
  """Leaves probes out at random, of all groups alike."""
  probes = _together([rows for rows, _ in groups.values()])
  drawn = np.random.default_rng(seed).permutation(probes)[:count]
  return {
    group: (rows[np.isin(rows, drawn)], columns)
    for group, (rows, columns) in groups.items()
  }


def _together(rows):
  return np.unique(np.concatenate(rows))
