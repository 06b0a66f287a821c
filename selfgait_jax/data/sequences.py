"""Decoded silhouette sequences in memory."""

import dataclasses
import functools
import hashlib
from collections.abc import Iterable

import numpy as np


@dataclasses.dataclass(frozen=True)
class SequenceSet:
  """Sequences of one data set, frames stacked end to end.

  Attributes:
    frames: uint8 [F, H, W], 0..255, of all sequences.
    starts: int64 [N], first frame of each sequence in `frames`.
    lengths: int64 [N], number of frames of each sequence.
    subjects: str [N], for example '001'.
    conditions: str [N], for example 'nm-01'.
    views: str [N], for example '090'.
    name: of the data set, for example 'casia_b'.
    pixels: str [N], `pixel_fingerprint` of each sequence, as prepared data
      stores it; None to compute it when it is needed.
  """

  frames: np.ndarray
  starts: np.ndarray
  lengths: np.ndarray
  subjects: np.ndarray
  conditions: np.ndarray
  views: np.ndarray
  name: str
  pixels: np.ndarray | None = None

  def __len__(self) -> int:
    return len(self.starts)

  def __getitem__(self, row: int) -> np.ndarray:
    """All frames of one sequence, uint8 [T, H, W], not copied."""
    start = self.starts[row]
    return self.frames[start : start + self.lengths[row]]

  def select(self, rows: np.ndarray) -> 'SequenceSet':
    """The sequences at `rows`, in that order; frames are shared."""
    fields = ('starts', 'lengths', 'subjects', 'conditions', 'views')
    if self.pixels is not None:
      fields += ('pixels',)
    return dataclasses.replace(
      self, **{f: getattr(self, f)[rows] for f in fields}
    )

  @functools.cached_property
  def labels(self) -> np.ndarray:
    """int32 [N], rank of each sequence's subject among the subjects here."""
    return np.unique(self.subjects, return_inverse=True)[1].astype(np.int32)

  @functools.cached_property
  def paths(self) -> np.ndarray:
    """str [N], 'subject/condition/view' of each sequence."""
    fields = zip(self.subjects, self.conditions, self.views, strict=True)
    return np.array(['/'.join(names) for names in fields], str)

  @functools.cached_property
  def hashes(self) -> np.ndarray:
    """str [N], `pixel_fingerprint` of each sequence; computed where unknown."""
    if self.pixels is not None:
      return self.pixels
    return np.array([pixel_fingerprint(self[row]) for row in range(len(self))])

  @functools.cached_property
  def fingerprint(self) -> str:
    """Hash of all names and pixels in this order, 16 hex digits."""
    digest = hashlib.blake2b(digest_size=8)
    for path, pixels in zip(self.paths, self.hashes, strict=True):
      digest.update(f'{path}/{pixels};'.encode())
    return digest.hexdigest()


def pixel_fingerprint(frames: np.ndarray) -> str:
  """Hash of the shape and pixels of uint8 [T, H, W], 16 hex digits."""
  digest = hashlib.blake2b(f'{frames.shape}'.encode(), digest_size=8)
  digest.update(np.ascontiguousarray(frames))
  return digest.hexdigest()


def from_records(
  records: Iterable[tuple[str, str, str, np.ndarray]], name: str
) -> SequenceSet:
  """Stacks (subject, condition, view, uint8 [T, H, W]) of one data set."""
  subjects, conditions, views, clips = [], [], [], []
  for subject, condition, view, silhouettes in records:
    subjects.append(subject)
    conditions.append(condition)
    views.append(view)
    clips.append(silhouettes)
  lengths = np.array([len(clip) for clip in clips], np.int64)
  return SequenceSet(
    frames=np.concatenate(clips),
    starts=np.cumsum(lengths) - lengths,
    lengths=lengths,
    subjects=np.array(subjects),
    conditions=np.array(conditions),
    views=np.array(views),
    name=name,
  )
