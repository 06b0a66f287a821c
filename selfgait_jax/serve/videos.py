"""The one place where a video becomes clips."""

from collections.abc import Iterator

import numpy as np

from selfgait_jax import errors
from selfgait_jax.clips.clip import Clip
from selfgait_jax.video import extract, reading, segmenters

SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v')


def is_video(path: str) -> bool:
  return path.lower().endswith(SUFFIXES)


def read(path: str) -> Iterator[Clip]:
  """Yields a clip for each track of a video from a camera that stands still.

  Runs in the process that has limits. The source of a clip is the path with
  '/track-001' behind it. A file that is no video, or shows nobody, is one clip
  without frames that says so.
  """
  said = 'nobody who walks before a still camera was found in the video'
  try:
    video = reading.open_video(path)
    seen = extract.OpenTracks(video.rate)
    segment = segmenters.make(segmenters.BACKGROUND)(video)
    for found, silhouettes in seen.follow(video, segment):
      said = ''
      frames = np.stack([*silhouettes.values()])
      yield Clip(f'{path}/{found.track}', frames)
  except errors.UserError as error:
    said = str(error).replace(path, 'the file')
  if said:
    yield Clip(path, np.zeros((0, 64, 64), np.uint8), (said,))
