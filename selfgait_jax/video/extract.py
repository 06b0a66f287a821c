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
    seen, written = OpenTracks(video.rate), []
    with contextlib.closing(overlay.Overlay(path, video)) as film:
      for found, silhouettes in seen.follow(
        follow(video), segmenter(video), film.add
      ):
        folder.add(found.track, silhouettes)
        written.append(found)
        yield found
    notes = _notes(video, film.frames)
    report = Report(film.frames, tuple(written), seen.parted, notes)
    folder.finish(report)


class OpenTracks:
  """The silhouettes of the tracks that live, which are yielded at their ends.

  Attributes:
    parted: number of tracks left out because they parted into two people.
  """

  def __init__(self, rate: float):
    """`rate` of the video, frames/s."""
    self._rate = rate
    self._frames = {}  # {track: {number of the frame: silhouette}}
    self._names = {}  # {track: number}, of those with enough frames
    self._started = 0
    self.parted = 0

  def follow(
    self,
    frames: Iterable[np.ndarray],
    segment: Callable[[np.ndarray], np.ndarray],
    show: Callable[[np.ndarray, list], None] = lambda frame, labelled: None,
  ) -> Iterator[tuple[Found, dict[int, np.ndarray]]]:
    """Yields tracks as they end.

    Args:
      frames: of the video.
      segment: from a frame to its mask.
      show: is called with each frame and its [(label, blob), ...].

    Yields:
      A track, and its silhouettes uint8 [64, 64] by the number of the frame.
    """
    tracker = tracks.Tracker()
    for number, frame in enumerate(frames):
      for track in tracker.follow(people.find(segment(frame))):
        yield from self._end(track, track.end)
      seen = [track for track in tracker.tracks if not track.missed]
      for track in seen:
        yield from self._add(number, track)
      show(frame, [(self._label(track), track.blob) for track in seen])
    for track in tracker.tracks:
      yield from self._end(track, _OVER)

  def _label(self, track):
    """What the overlay says of a track."""
    if track.crowd:
      return overlay.CROWD
    return str(self._names.get(track, ''))

  def _add(self, number, track):
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
      yield from self._end(track, f'has {LONGEST} frames')

  def _end(self, track, why):
    """Yields a track, unless it is short or showed several people."""
    frames, name = self._frames.pop(track, {}), self._names.pop(track, None)
    if name is None:
      return
    if why == tracks.PARTED:
      self.parted += 1
      return
    judged = quality.quality(np.stack(list(frames.values())))
    found = Found(
      track=f'track-{name:03d}',
      frames=len(frames),
      start=round(min(frames) / self._rate, 2),
      end=round((max(frames) + 1) / self._rate, 2),
      ends=why,
      verdict=judged.verdict,
      reasons=judged.reasons,
    )
    yield found, frames


def _notes(video, frames):
  """Sentences about what could be read of a video."""
  if frames > _COMPLETE * video.expected:
    return ()
  return (
    f'only {frames:,} of {video.expected:,} frames can be read; the file is '
    'damaged or cut off',
  )
