"""What jobs do with a gallery: look at clips, enrol them, calibrate."""

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from selfgait_jax.clips.clip import Clip
from selfgait_jax.gallery import judged, known
from selfgait_jax.gallery.gallery import Gallery
from selfgait_jax.serve import decoding, jobs, records, uploads

NEAREST = 5  # people of a clip
_FRAMES = 4096  # embedded at once; a job can be cancelled in between


class Looked(NamedTuple):
  """The clips of an upload, and what was found."""

  clips: list[Clip]
  look: records.Look


class Watched:
  """An embedder that counts for the present job, and ends when that does."""

  def __init__(self, embedder: judged.Embeds):
    self._embedder, self.job = embedder, None
    self.manifest = embedder.manifest

  @property
  def fingerprint(self) -> str:
    return self._embedder.fingerprint

  def embed(self, clips: list[np.ndarray]) -> np.ndarray:
    """As `Embedder.embed`."""
    job: jobs.Job | None = self.job
    if job is None:
      return self._embedder.embed(clips)
    job.begin('embedding', sum(map(len, clips)), 'frames embedded')
    found: list[np.ndarray] = [np.empty(0)] * len(clips)
    for block in _blocks(clips):
      some = self._embedder.embed([clips[i] for i in block])
      for i, embedding in zip(block, some, strict=True):
        found[i] = embedding
      job.add(sum(len(clips[i]) for i in block))
    return np.stack(found)


def look(gallery: Gallery, job: jobs.Job, upload: uploads.Upload) -> Looked:
  """Reads an upload, judges its clips and searches for their people."""
  job.begin('reading the files')
  clips = []
  for clip in decoding.decode(upload, job):
    clips.append(clip)
    job.line = f'reading the files: {len(clips):,} clips'
  upload.remove()
  job.frames = sum(len(clip.frames) for clip in clips)
  with _counting(gallery, job):
    seen = [
      _seen(number, one, matches)
      for number, (one, matches) in enumerate(_searched(gallery, clips))
    ]
  return Looked(clips, records.Look(clips=seen, note=upload.note))


def enrol(
  gallery: Gallery, job: jobs.Job, name: str, clips: Sequence[Clip]
) -> records.Enrolment:
  """Enrols clips under a name; each block is added whole or not at all."""
  with _counting(gallery, job):
    found = gallery.enrol(name, clips)
  outcomes = [
    records.Outcome(**{**vars(one), 'reasons': list(one.reasons)})
    for one in found
  ]
  return records.Enrolment(name=name, clips=outcomes)


def calibrate(
  gallery: Gallery, job: jobs.Job, clips: Sequence[Clip], far: float
) -> records.Scores:
  """Calibrates by clips whose folders are NAME/CLIP or NAME/CONDITION/CLIP.

  A folder around all of them may come first. Files that are no clips are left
  out.
  """
  clips = [clip for clip in clips if len(clip.frames)]
  with _counting(gallery, job):
    found = gallery.calibrate(known.label(clips, _root(clips)), far)
  return records.Scores(
    people=found.people,
    clips=found.clips,
    refused=found.refused,
    genuine=found.genuine,
    impostors=found.impostors,
    threshold=finite(found.threshold),
    strangers_accepted=found.strangers_accepted,
    calibration_error=found.calibration_error,
    rates={
      name: records.Rate(**rate._asdict()) for name, rate in found.rates.items()
    },
  )


def finite(value: float | None) -> float | None:
  """None for infinity, which JSON does not have."""
  return value if value is None or math.isfinite(value) else None


@contextlib.contextmanager
def _counting(gallery, job):
  """Lets the gallery's embedder count for a job."""
  job.begin('looking at the frames')
  gallery.embedder.job = job
  try:
    yield
  finally:
    gallery.embedder.job = None


def _searched(gallery, clips) -> Iterator:
  """(clip, its matches); none while nobody is enrolled."""
  if len(gallery):
    yield from gallery.search_each(clips, NEAREST)
    return
  for block in judged.judge(clips, gallery.embedder):
    yield from ((one, []) for one in block)


def _seen(number, one, matches):
  return records.Seen(
    number=number,
    source=one.clip.source,
    frames=one.quality.frames,
    kept=len(one.clip.frames),
    usable=one.quality.usable,
    verdict=one.quality.verdict,
    reasons=list(one.reasons),
    matches=[records.Match(**vars(match)) for match in matches],
  )


def _blocks(clips):
  """Places of clips, those of like length together: fewer are compiled."""
  block, frames = [], 0
  for place in sorted(range(len(clips)), key=lambda i: len(clips[i])):
    if block and frames + len(clips[place]) > _FRAMES:
      yield block
      block, frames = [], 0
    block.append(place)
    frames += len(clips[place])
  if block:
    yield block


def _root(clips):
  """The folder around the folders of people, if there is one: '.' if not."""
  first = {clip.source.split('/')[0] for clip in clips}
  deep = all(clip.source.count('/') > 1 for clip in clips)
  return first.pop() if len(first) == 1 and deep else '.'
