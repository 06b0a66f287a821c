"""The one place where a video becomes clips."""

import dataclasses
import os
import pathlib
import tempfile
from collections.abc import Iterator

import numpy as np

from selfgait_jax import errors
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
  '/track-001' behind it. A file that is no video, or shows nobody, is one clip
  without frames that says so.
  """
  said = 'nobody who walks before a still camera was found in the video'
  with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as name:
    try:
      for clip in _tracks(path, pathlib.Path(name, 'video')):
        said = ''
        yield clip
    except errors.UserError as error:
      said = str(error).replace(path, 'the file')
  if said:
    yield Clip(path, np.zeros((0, 64, 64), np.uint8), (said,))


def _tracks(path, place):
  video = videos.open_video(path)
  kept = folder.VideoFolder(place, video, segmenters.BACKGROUND)
  segmenter = segmenters.make(segmenters.BACKGROUND)
  for found in extract.extract(video, segmenter, kept, lambda frames: frames):
    for clip in reading.read_clips(place / found.track):
      yield dataclasses.replace(clip, source=f'{path}/{found.track}')
