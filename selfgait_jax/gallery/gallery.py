"""People who are enrolled, and the search for a walker among them (public).

A gallery is one SQLite file with the embeddings of clips, by names. Names and
embeddings are personal data: enrol people who have agreed to it.
"""

import os
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from absl import logging

from selfgait_jax import errors, retrieval
from selfgait_jax.clips.clip import Clip
from selfgait_jax.gallery import (
  calibration,
  facts,
  judged,
  known,
  outcomes,
  people,
  ranking,
  rows,
  scores,
  store,
)
from selfgait_jax.protocols import open_set

FAR = open_set.FAR
Clips = Iterable[Clip | np.ndarray]


class Gallery:
  """Enrolled people; made by `Gallery.open`. Several processes may share it.

  Attributes:
    embedder: of all clips.
    metric: see `retrieval.pairwise_distance`.
  """

  def __init__(self, file: store.Store, embedder: judged.Embeds):
    self._store = file
    self.embedder, self.metric = embedder, file.facts()['metric']
    self._people = people.People(self.metric)
    self._calibration: calibration.Calibration | None = None

  @classmethod
  def open(
    cls,
    path: str | os.PathLike,
    embedder: judged.Embeds,
    metric: str | None = None,
    create: bool = True,
  ) -> 'Gallery':
    """Opens a gallery, which is made if it is missing.

    Args:
      path: of the file. It must lie on a local disk, not on a network.
      embedder: from `load_embedder`; the one that the gallery was made with.
      metric: see `retrieval.pairwise_distance`; None for that of the gallery,
        or 'euclidean' for a new one.
      create: whether to make a missing file.

    Raises:
      UserError: the gallery is of another checkpoint, metric or format, is
        damaged, or cannot be opened and written.
    """
    ours = facts.of_embedder(embedder, metric)
    file = store.Store(path, ours if create else None)
    try:
      facts.check(path, file.facts(), ours, metric)
      gallery = cls(file, embedder)
      gallery._refresh()
    except BaseException:
      file.close()
      raise
    return gallery

  def close(self) -> None:
    self._store.close()

  def __enter__(self) -> 'Gallery':
    return self

  def __exit__(self, *_) -> None:
    self.close()

  def __len__(self) -> int:
    """Number of enrolled clips."""
    self._refresh()
    return len(self._people)

  @property
  def calibration(self) -> calibration.Calibration | None:
    """The stored one; None before `calibrate`."""
    self._refresh()
    return self._calibration

  def people(self) -> list[rows.Person]:
    """Who is enrolled, in the order of their first clips."""
    return self._store.people()

  def enrol(self, name: str, clips: Clips) -> list[outcomes.Outcome]:
    """Enrols clips of a person who has agreed to it.

    Refused clips, and those that are enrolled already, are left out.

    Args:
      name: any text.
      clips: from `read_clips`, or arrays uint8 [T, 64, W] as for
        `Embedder.embed`.

    Returns:
      What became of each clip.

    Raises:
      UserError: the name is empty, or an array is no clip.
    """
    return list(self.enrol_each(name, clips))

  def enrol_each(self, name: str, clips: Clips) -> Iterator[outcomes.Outcome]:
    """As `enrol`, but yields each outcome when the clip is in the file."""
    rows.check_name(name)
    for block in judged.judge(clips, self.embedder):
      entries = [one.entry() for one in block if one.usable]
      taken = iter(self._store.add(name, entries))
      self._refresh()
      for one in block:
        yield outcomes.outcome(one, next(taken) if one.usable else None)

  def search(
    self, clips: Clips, k: int = 5, by: str = 'nearest'
  ) -> list[list[outcomes.Match]]:
    """The k nearest people of each clip.

    Args:
      clips: as for `enrol`.
      k: how many people; all, if there are fewer.
      by: what a person's distance is: 'nearest', that of the nearest clip, or
        'mean', the mean of that of the `ranking.CLIPS` nearest clips.

    Returns:
      Of each clip a list, the nearest person first; of people at the same
      distance, the one who was enrolled first. Empty for a refused clip, which
      is logged.

    Raises:
      UserError: the gallery is empty, or an array is no clip.
    """
    found = []
    for one, matches in self.search_each(clips, k, by):
      found.append(matches)
      if not one.usable:
        logging.warning(
          '%s is not searched: %s',
          errors.printable(one.clip.source), '; '.join(one.reasons),
        )  # fmt: skip
    return found

  def search_each(
    self, clips: Clips, k: int = 5, by: str = 'nearest'
  ) -> Iterator[tuple[judged.Judged, list[outcomes.Match]]]:
    """As `search`, but yields each clip with its matches as they come."""
    ranking.check_by(by)
    if k < 1:
      raise errors.UserError(
        f'expected k of at least 1, found {k}; change k (-k)'
      )
    self._expect_people()
    for block in judged.judge(clips, self.embedder):
      self._refresh()
      wanted = [one.embedding for one in block if one.usable]
      near = iter(
        self._people.nearest(np.stack(wanted), k, by) if wanted else ()
      )
      for one in block:
        matches = next(near) if one.usable else []
        yield one, [self._match(person, by) for person in matches]

  def remove(self, name: str) -> int:
    """Removes a person, and every byte of that person from the file.

    Returns:
      The number of clips that were removed.

    Raises:
      UserError: nobody has this name.
    """
    count = self._store.remove(name)
    self._erase(name)
    return count

  def rename(self, old: str, new: str) -> int:
    """Gives a person another name; returns the number of clips.

    Raises:
      UserError: nobody has the old name, or somebody has the new one.
    """
    count = self._store.rename(old, new)
    self._erase(old)
    return count

  def calibrate(
    self,
    clips: Mapping[str, Clips] | Iterable[known.Labelled],
    far: float = FAR,
    by: str = 'nearest',
  ) -> scores.Scores:
    """Finds the threshold and the probabilities, and stores them.

    The clips are compared with each other, each with its own left out; nobody
    is enrolled. Nobody of them may have been in the training data. People
    should have about as many clips as people of the gallery.

    Args:
      clips: by the names of their people, or with their conditions.
      far: false accept rate of the threshold, of a clip and one person. Of a
        person who is not enrolled, a gallery of S people accepts up to S times
        as many; `Scores.strangers_accepted` says how many.
      by: how people are compared in the scores; both ways are stored.

    Raises:
      UserError: there are too few people or clips for `far`, or scikit-learn is
        missing.
    """
    ranking.check_by(by)
    calibration.expect_installed()
    if not 0 < far < 1:
      raise errors.UserError(
        f'expected a false accept rate between 0 and 1, found {far:g}'
      )
    found = known.embed(clips, self.embedder)
    trials = scores.trials_among(found.embeddings, found.people, self.metric)
    curves = {way: calibration.fit(trials[way], far) for way in trials}
    pairs = None
    if any(found.conditions):
      pairs = scores.by_conditions(found, self.metric, curves[by].threshold)
    result = scores.score(trials[by], found, curves[by], pairs)
    calibration.check(result.rates['eer'].value, found.names)
    fitted = calibration.Calibration(
      far, len(found.names), len(found.people), curves
    )
    self._store.write_fact(facts.CALIBRATION, fitted.to_json())
    self._calibration = fitted
    return result

  def evaluate(
    self,
    clips: Mapping[str, Clips] | Iterable[known.Labelled],
    by: str = 'nearest',
  ) -> scores.Scores:
    """Searches clips of known people, enrolled or not, and counts.

    Enrolled clips among them are compared with all but themselves.

    Args:
      clips: as for `calibrate`; names as in the gallery.
      by: see `search`.

    Raises:
      UserError: the gallery is empty, or no clip can be used.
    """
    ranking.check_by(by)
    self._expect_people()
    found = known.embed(clips, self.embedder)
    self._refresh()
    own = self._store.numbers(found.digests)
    distance = [
      self._people.distances(found.embeddings[block], by, own[block])
      for block in retrieval.host_blocks(len(own), self._people.last + 1)
    ]
    place = {name: number for number, name in enumerate(self._people.names())}
    numbers = [place.setdefault(name, len(place)) for name in found.names]
    trials = open_set.Trials(
      np.concatenate(distance), np.array(numbers)[found.people]
    )
    curve = self._calibration.curves[by] if self._calibration else None
    return scores.score(trials, found, curve)

  def _refresh(self):
    """Takes over what this or another process has written."""
    changed = self._store.changed()
    if changed:
      self._people.keep(self._store.names())
      self._calibration = facts.read_calibration(self._store)
    self._people.add(self._store.rows(self._people.last))

  def _erase(self, name):
    self._people.keep(self._store.names())
    if not self._store.erase():
      logging.warning(
        '%s is removed, but bytes may stay in %s until no other process reads '
        'it and the disk has room; they go when it is opened again',
        errors.printable(name), errors.printable(self._store.path),
      )  # fmt: skip

  def _expect_people(self):
    self._refresh()
    if not len(self._people):
      raise errors.UserError(
        'expected a gallery with people, found nobody in '
        f'{errors.printable(self._store.path)}; enrol people first'
      )

  def _match(self, found, by):
    probability = accepted = None
    if self._calibration:
      curve = self._calibration.curves[by]
      probability = float(curve.probability(found.distance))
      accepted = curve.accepts(found.distance)
    return outcomes.Match(
      found.name, found.distance, probability, accepted, found.source
    )
