"""The one place where a video becomes clips."""

import dataclasses
import os
import pathlib
import tempfile
from collections.abc import Iterator

from selfgait_jax.clips import reading
from selfgait_jax.clips.clip import Clip
from selfgait_jax.video import extract, folder, segmenters
from selfgait_jax.video import reading as videos

SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v')


def is_film(path: str) -> bool:
  return path.lower().endswith(SUFFIXES)


def read(path: str) -> Iterator[Clip]:
  """Yields a clip for each track of a video from a camera that stands still.

  Runs in the process that has limits. The source of a clip is the path with
  '/track-001' behind it.

  Raises:
    UserError: it is no video.
  """
  with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as name:
    video = videos.open_video(path)
    place = folder.VideoFolder(
      pathlib.Path(name, 'video'), video, segmenters.BACKGROUND
    )
    segmenter = segmenters.make(segmenters.BACKGROUND)
    for found in extract.extract(video, segmenter, place, lambda read: read):
      for clip in reading.read_clips(place.path / found.track):
        yield dataclasses.replace(clip, source=f'{path}/{found.track}')
