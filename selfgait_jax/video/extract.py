"""A video to the tracks of its people, in one pass and bounded memory."""

import contextlib
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from selfgait_jax.clips import quality
from selfgait_jax.data.prepare import alignment
from selfgait_jax.video import overlay, people, tracks
from selfgait_jax.video.folder import Found, Report, VideoFolder
from selfgait_jax.video.reading import Video

# Turns a video into a function from its frames to masks uint8 [H, W], 0 or 255.
Segmenter = Callable[[Video], Callable[[np.ndarray], np.ndarray]]

SHORTEST = 10  # frames of a track; shorter ones are mostly noise
LONGEST = 1000  # frames of a track; the next one starts there
_OVER = 'the video ends'
_COMPLETE = 0.95  # of the frames that a file promises


def extract(
  video: Video,
  segmenter: Segmenter,
  folder: VideoFolder,
  follow: Callable[[Iterable[np.ndarray]], Iterable[np.ndarray]],
) -> Iterator[Found]:
  """Writes the silhouettes of everybody in a video; yields each track then.

  Stop by closing the generator, or by an exception in `follow`: the tracks
  that were yielded stay, and the folder counts as unfinished.

  Args:
    video: to read.
    segmenter: finds people in its frames.
    folder: to write to; its `report` has everything in the end.
    follow: is passed the frames and passes them on, to show progress.

  Raises:
    UserError: the folder cannot be written.
  """
  with folder.anew() as path:
    segment = segmenter(video)
    tracker, walks = tracks.Tracker(), _Walks(folder, video.rate)
    with contextlib.closing(overlay.Overlay(path, video)) as film:
      for number, frame in enumerate(follow(video)):
        for track in tracker.follow(people.find(segment(frame))):
          yield from walks.end(track, track.end)
        seen = [track for track in tracker.tracks if not track.missed]
        for track in seen:
          yield from walks.add(number, track)
        film.add(frame, [(walks.label(track), track.blob) for track in seen])
    for track in tracker.tracks:
      yield from walks.end(track, _OVER)
    notes = _notes(video, film.frames)
    found = tuple(walks.written)
    folder.finish(Report(film.frames, found, walks.parted, notes))


class _Walks:
  """The silhouettes of the tracks that live; written when a track ends.

  Attributes:
    written: what was written, in the order of the ends.
    parted: number of tracks left out because they parted into two people.
  """

  def __init__(self, folder, rate):
    self._folder, self._rate = folder, rate
    self._frames = {}  # {track: {number of the frame: silhouette}}
    self._names = {}  # {track: number}, of those with enough frames
    self._started = 0
    self.written, self.parted = [], 0

  def label(self, track):
    """What the overlay says of a track."""
    if track.crowd:
      return overlay.CROWD
    return str(self._names.get(track, ''))

  def add(self, number, track):
    """Adds a frame in which one person is whole; yields a track that is full.

    The person is not cut at a side; at the top and bottom a person may be cut
    all the time, which the verdict then says.
    """
    blob = track.blob
    if track.crowd or blob.cut or not blob.is_person:
      return
    silhouette = alignment.align(blob.mask)
    if silhouette is None:
      return
    frames = self._frames.setdefault(track, {})
    frames[number] = silhouette
    if len(frames) == SHORTEST:
      self._started += 1
      self._names[track] = self._started
    elif len(frames) == LONGEST:
      yield from self.end(track, f'has {LONGEST} frames')

  def end(self, track, why):
    """Writes a track, unless it is short or showed several people."""
    frames, name = self._frames.pop(track, {}), self._names.pop(track, None)
    if name is None:
      return
    if why == tracks.PARTED:
      self.parted += 1
      return
    found = quality.quality(np.stack(list(frames.values())))
    written = Found(
      track=f'track-{name:03d}',
      frames=len(frames),
      start=round(min(frames) / self._rate, 2),
      end=round((max(frames) + 1) / self._rate, 2),
      ends=why,
      verdict=found.verdict,
      reasons=found.reasons,
    )
    self._folder.add(written.track, frames)
    self.written.append(written)
    yield written


def _notes(video, frames):
  """Sentences about what could be read of a video."""
  if frames > _COMPLETE * video.expected:
    return ()
  return (
    f'only {frames:,} of {video.expected:,} frames can be read; the file is '
    'damaged or cut off',
  )
