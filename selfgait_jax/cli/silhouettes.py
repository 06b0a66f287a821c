"""Writes the silhouettes of people who walk through a video.

  selfgait silhouettes walk.mp4 --out=people

makes people/walk/track-001/*.png, ..., 64 x 64 pixels, one folder a track;
people/walk/overlay.mp4, the video with outlines and numbers of tracks; and
people/walk/tracks.json. `selfgait inspect people`, `enrol` and `search` take
these folders. The table has one row a track: its frames, its seconds of the
video, why it ends, and the verdict of `selfgait inspect`.

--segmenter=background (the default) needs a camera that stands still. A network
of your own, --segmenter=onnx:FILE, needs onnxruntime and a JSON file beside it
(docs/video.md). Where people touch, their tracks end.

Ctrl-C and SIGTERM stop; tracks that have ended are kept. The same command goes
on: a video that has its tracks.json is not read again, one that was broken off
is done anew.
"""

import argparse
import contextlib
import dataclasses
import functools
import pathlib
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

from selfgait_jax import errors
from selfgait_jax.cli import common

if TYPE_CHECKING:  # numpy and OpenCV take time to import
  from selfgait_jax.video.folder import Found, Report
  from selfgait_jax.video.reading import Video

_TITLES = 'track', 'frames', 'from', 'to', 'verdict', 'ends', 'video'


def options(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
    'videos', nargs='+', metavar='VIDEO', help='MP4, MOV, AVI, MKV, WebM, MPEG'
  )
  parser.add_argument(
    '--out', metavar='DIR', required=True, help='gets a folder for each video'
  )
  parser.add_argument(
    '--segmenter',
    default='background',
    metavar='NAME',
    help='background (the default) or onnx:FILE',
  )
  common.add_json(parser)


def run(options: argparse.Namespace) -> None:
  from selfgait_jax.video import folder, reading, segmenters

  segmenter = segmenters.make(options.segmenter)
  work = []
  for name, path in _names(options.videos).items():
    video = reading.open_video(path)
    place = pathlib.Path(options.out, name)
    kept = folder.VideoFolder(place, video, options.segmenter)
    work.append((video, kept))
  with _terminated():
    found = _found(work, segmenter)
    if options.json:
      for video, one in found:
        common.print_json({'video': str(video.path), **_record(one)})
    else:
      common.print_table(_TITLES, _rows(found))
  if not any(kept.report and kept.report.tracks for _, kept in work):
    raise errors.UserError(
      'expected people who walk before a still camera, found nobody who can be '
      'followed; look at overlay.mp4 in --out'
    )


def _names(videos):
  """{name of the folder: path}."""
  names = {}
  for path in map(pathlib.Path, videos):
    name = path.stem.lstrip('.') or 'video'  # hidden folders are not read
    if names.setdefault(name, path) != path:
      raise errors.UserError(
        'expected videos with different names, found '
        f'{errors.printable(names[name])} and {errors.printable(path)}; '
        'give them one after the other, each with another --out'
      )
  return names


def _found(work, segmenter) -> 'Iterator[tuple[Video, Found | Report]]':
  """Yields each track of each video, and after these what else is to say."""
  from selfgait_jax.video import extract

  for video, kept in work:
    if kept.report is None:
      unit = f'frames of {errors.printable(video.path.name)}'
      follow = functools.partial(
        common.follow_all, total=video.expected, unit=unit
      )
      tracks = extract.extract(video, segmenter, kept, follow)
    else:
      tracks = kept.report.tracks
    for track in tracks:
      yield video, track
    yield video, kept.report


def _record(one):
  record = dataclasses.asdict(one)
  record.pop('tracks', None)  # of a report: printed before
  return record


def _rows(found):
  """A row for each track, and below what there is to say."""
  from selfgait_jax.video.folder import Found

  for video, one in found:
    name = errors.printable(video.path.name)
    if isinstance(one, Found):
      yield (
        one.track, one.frames, one.start, one.end, one.verdict, one.ends, name
      )  # fmt: skip
      yield from one.reasons
      continue
    yield f'{name}: {one.frames:,} frames, {_tracks(len(one.tracks))}'
    if one.parted:
      yield f'{name}: {_tracks(one.parted)} left out: two people who part'
    yield from (f'{name}: {note}' for note in one.notes)


def _tracks(count):
  return f'{count:,} track' + 's' * (count != 1)


@contextlib.contextmanager
def _terminated():
  """SIGTERM stops as Ctrl-C does."""
  before = signal.signal(signal.SIGTERM, signal.default_int_handler)
  try:
    yield
  finally:
    signal.signal(signal.SIGTERM, before)
