"""Blobs of one frame after the other to tracks, each of one person.

A track goes on with the blob that overlaps it. Where people touch, their tracks
end: who is who afterwards is not guessed, and new tracks start.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import optimize

from selfgait_jax.video.people import Blob

LEFT = 'leaves the picture'
LOST = 'is not seen any more'
TOUCHED = 'touches somebody'
PARTED = 'parts in two'
CHANGED = 'changes its size at once'

_LEAST_OVERLAP = 0.2  # of boxes, intersection over union
_COVERED = 0.5  # of a box: the other one holds it
_KNOWN = 5  # frames after which a track counts as a person
_MISSED = 5  # frames in a row without a blob after which a track ends
_JUMP = 1.7  # factor of the pixels from one frame to the next
_STEADY = 0.7  # weight of the motion so far


@dataclasses.dataclass(eq=False)
class Track:
  """A track of one person.

  Attributes:
    blob: where it was seen last.
    motion: float [2], rows and columns a frame.
    seen: number of frames in which it was seen.
    missed: frames since then.
    crowd: whether it is several people who have touched.
    end: why it ended, one of the sentences above; '' while it lives.
  """

  blob: Blob
  motion: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(2))
  seen: int = 1
  missed: int = 0
  crowd: bool = False
  end: str = ''

  @property
  def box(self) -> np.ndarray:
    """Where it is expected in the next frame, float [4]."""
    return self.blob.box + (1 + self.missed) * np.tile(self.motion, 2)

  def go_on(self, blob: Blob) -> None:
    """Continues the track with a blob."""
    step = (_centre(blob) - _centre(self.blob)) / (1 + self.missed)
    weight = min(_STEADY, 1 - 1 / self.seen)
    self.motion = weight * self.motion + (1 - weight) * step
    self.blob, self.missed = blob, 0
    self.seen += 1


class Tracker:
  """Follows everybody in a video.

  Attributes:
    tracks: those that live; the ones of this frame have `missed` 0.
  """

  def __init__(self):
    self.tracks: list[Track] = []

  def follow(self, blobs: Sequence[Blob]) -> list[Track]:
    """Takes the blobs of the next frame; returns the tracks that end."""
    inside, union = _overlaps(self.tracks, blobs)  # [T, B]
    chosen = _assign(inside / np.maximum(union, 1))
    crowds = self._end_merged(blobs, inside, chosen)
    self._end_parted(blobs, inside, chosen)
    self._end_changed(blobs, chosen)
    for number, track in enumerate(self.tracks):
      if track.end:
        continue
      if number in chosen:
        track.go_on(blobs[chosen[number]])
        continue
      track.missed += 1
      if track.blob.cut or track.missed > _MISSED:
        track.end = LEFT if track.blob.cut else LOST
    ended = [track for track in self.tracks if track.end]
    self.tracks = [track for track in self.tracks if not track.end]
    taken = {id(track.blob) for track in self.tracks}
    self.tracks += [
      Track(blob, crowd=number in crowds)
      for number, blob in enumerate(blobs)
      if id(blob) not in taken and (blob.is_person or number in crowds)
    ]
    return ended

  def _end_merged(self, blobs, inside, chosen):
    """Ends tracks that share a blob; returns the numbers of such blobs."""
    boxes = np.array([_size(track.box) for track in self.tracks])
    crowds = set()
    for number in range(len(blobs)):
      claims = [
        track
        for place, track in enumerate(self.tracks)
        if (track.seen >= _KNOWN or track.crowd)
        and chosen.get(place, number) == number
        and inside[place, number] > _COVERED * boxes[place]
      ]
      if len(claims) > 1:
        crowds.add(number)
        for track in claims:
          track.end = TOUCHED
    return crowds

  def _end_parted(self, blobs, inside, chosen):
    """Ends tracks whose blob has become two people."""
    free = set(range(len(blobs))) - {*chosen.values()}
    for place, number in chosen.items():
      track, blob = self.tracks[place], blobs[number]
      if track.end or not (blob.is_person or track.crowd):
        continue
      for other in free:
        part = blobs[other]
        covered = inside[place, other] > _COVERED * _size(part.box)
        if covered and part.is_person and _side_by_side(part.box, blob.box):
          track.end = PARTED

  def _end_changed(self, blobs, chosen):
    """Ends tracks that grow or shrink too fast for one person."""
    for place, number in chosen.items():
      track, blob = self.tracks[place], blobs[number]
      whole = not (track.blob.cut or blob.cut or track.crowd)
      sizes = sorted((track.blob.pixels, blob.pixels))
      if not track.end and whole and sizes[1] > _JUMP * sizes[0]:
        track.end = CHANGED


def _overlaps(tracks, blobs):
  """Pixels that each track and blob share, and that either has, [T, B]."""
  inside = np.zeros((len(tracks), len(blobs)))
  union = np.zeros_like(inside)
  for i, track in enumerate(tracks):
    for j, blob in enumerate(blobs):
      inside[i, j] = _shared(track.box, blob.box)
      union[i, j] = _size(track.box) + _size(blob.box) - inside[i, j]
  return inside, union


def _assign(overlap):
  """{track: blob} with the largest sum of overlaps."""
  pairs = zip(*optimize.linear_sum_assignment(-overlap), strict=True)
  return {int(i): int(j) for i, j in pairs if overlap[i, j] >= _LEAST_OVERLAP}


def _shared(one, other):
  """Pixels that two boxes share."""
  height = min(one[2], other[2]) - max(one[0], other[0])
  width = min(one[3], other[3]) - max(one[1], other[1])
  return max(height, 0) * max(width, 0)


def _side_by_side(one, other):
  """Whether boxes share most rows and few columns, as two people do."""
  share = lambda start, end: (
    (min(one[end], other[end]) - max(one[start], other[start]))
    / min(one[end] - one[start], other[end] - other[start])
  )
  return share(0, 2) > _COVERED > share(1, 3)


def _size(box):
  return (box[2] - box[0]) * (box[3] - box[1])


def _centre(blob):
  return (blob.box[:2] + blob.box[2:]) / 2
