"""The enrolled people in memory: names, and embeddings on the device."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from selfgait_jax import retrieval
from selfgait_jax.gallery import index, ranking, rows

_DISTANCES = 2**25  # in memory at once, 128 MiB


class Found(NamedTuple):
  """A person near a probe, and where the person's nearest clip comes from."""

  name: str
  distance: float
  source: str


class People:
  """Clips by their numbers in the file, and the people they show.

  People come in the order in which they were first enrolled.
  """

  def __init__(self, metric: str):
    """`metric` as in `retrieval`."""
    self._index = index.Index(metric)
    # {number of a clip: its row of the index}, and what there is by rows.
    self._row: dict[int, int] = {}
    self._names: list[str] = []
    self._sources: list[str] = []
    self._last = -1
    self._groups = None  # made when they are needed

  def __len__(self) -> int:
    """Number of clips."""
    return len(self._row)

  @property
  def last(self) -> int:
    """The highest number of a clip so far; -1 before the first."""
    return self._last

  def add(self, found: Iterable[rows.Row]) -> None:
    """Adds clips, in order of their numbers."""
    # One piece of memory for all blocks: fresh memory costs more than copying.
    block, waiting = None, 0
    for row in found:
      self._row[row.id], self._last = len(self._names), row.id
      self._names.append(row.name)
      self._sources.append(row.source)
      self._groups = None
      if block is None:
        shape = retrieval.GALLERY_BLOCK, *row.embedding.shape
        block = np.empty(shape, np.float32)
      elif waiting == len(block):
        self._index.append(block)
        waiting = 0
      block[waiting] = row.embedding
      waiting += 1
    if block is not None:
      self._index.append(block[:waiting])

  def keep(self, names: Mapping[int, str]) -> None:
    """Takes over names, by numbers, and removes clips that are not in them."""
    gone = [number for number in self._row if number not in names]
    if gone:
      self._index.remove(np.array([self._row.pop(number) for number in gone]))
    for number, row in self._row.items():
      self._names[row] = names[number]
    self._groups = None

  def names(self) -> list[str]:
    """Of the people."""
    return self._grouped()[0]

  def distances(
    self, probes: np.ndarray, by: str, without: Iterable[int | None] = ()
  ) -> np.ndarray:
    """float32 [M, S], of probes [M, P, D] to people.

    Args:
      probes: float32.
      by: see `ranking.person_distances`.
      without: of each probe the number of a clip that is left out, or None.
    """
    return self._person_distances(self._clip_distances(probes, without), by)

  def nearest(self, probes: np.ndarray, k: int, by: str) -> list[list[Found]]:
    """The k nearest people of each probe, the nearest first."""
    names, kept, person = self._grouped()
    found = []
    most = max(1, _DISTANCES // max(len(self._names), 1))
    for start in range(0, len(probes), most):
      clips = self._clip_distances(probes[start : start + most])
      people = self._person_distances(clips, by)
      for own, distance in zip(clips, people, strict=True):
        near = []
        for number in ranking.first(distance, k):
          own_rows = kept[person == number]
          source = self._sources[own_rows[own[own_rows].argmin()]]
          near.append(Found(names[number], float(distance[number]), source))
        found.append(near)
    return found

  def _clip_distances(self, probes, without=()):
    """float32 [M, rows]; infinity for clips that are removed or left out."""
    distance = self._index.distances(probes)
    for own, number in zip(distance, without, strict=False):
      if number in self._row:
        own[self._row[number]] = np.inf
    return distance

  def _person_distances(self, distance, by):
    names, kept, person = self._grouped()
    if len(kept) < distance.shape[1]:
      distance = distance[:, kept]
    return ranking.person_distances(distance, person, len(names), by)

  def _grouped(self):
    """(names, rows that are kept, the person of each of them)."""
    if self._groups is None:
      kept = np.flatnonzero(self._index.kept)
      numbers = {}
      person = [
        numbers.setdefault(self._names[row], len(numbers)) for row in kept
      ]
      self._groups = list(numbers), kept, np.array(person, np.int64)
    return self._groups
