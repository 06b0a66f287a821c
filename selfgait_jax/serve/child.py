"""The process that decodes dropped files, within limits of memory and time.

It gets the places of files as JSON on standard input and writes clips to
standard output: a line of JSON, then the frames. It imports no JAX. Whatever a
file does to a decoder stays in here.
"""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

from selfgait_jax import errors
from selfgait_jax.clips import reading
from selfgait_jax.clips.clip import Clip
from selfgait_jax.serve import videos

MEMORY = 3 * 2**30  # bytes of address space, libraries included
SECONDS = 120  # of the processor


def main() -> None:
  _limit()
  answer(json.load(sys.stdin), sys.stdout.buffer)


def answer(given: dict[str, Any], out: BinaryIO) -> None:
  """Writes the clips of `given['paths']`, up to `given['frames']` frames."""
  try:
    left = given['frames']
    for place, path in enumerate(given['paths']):
      for clip in _clips(path):
        left -= max(1, len(clip.frames) + clip.lost)
        if left < 0:
          raise errors.UserError(
            f'expected at most {given["frames"]:,} frames at once, found more; '
            'drop the clips in parts'
          )
        _write(out, {
          'item': place,
          'member': clip.source[len(path) :],
          'shape': clip.frames.shape,
          'left_out': clip.left_out,
          'lost': clip.lost,
        })  # fmt: skip
        out.write(clip.frames.tobytes())
    _write(out, {'end': True})
  except errors.UserError as error:
    _write(out, {'error': str(error)})


def _clips(path) -> Iterator[Clip]:
  if videos.is_video(path):
    return videos.read(path)
  return iter(reading.read_clips(path))


def _write(out, record):
  out.write(json.dumps(record).encode() + b'\n')
  out.flush()


def _limit():
  """Takes away what decoding does not need, for good."""
  try:
    import resource
  except ImportError:  # Windows
    return
  os.nice(5)  # pages are answered first
  for name, most in (
    ('RLIMIT_AS', MEMORY),
    ('RLIMIT_DATA', MEMORY),
    ('RLIMIT_CPU', SECONDS),
    ('RLIMIT_CORE', 0),
  ):
    if not hasattr(resource, name):
      continue
    number = getattr(resource, name)
    _, hard = resource.getrlimit(number)
    if hard != resource.RLIM_INFINITY:
      most = min(most, hard)
    # macOS knows some of these limits, but refuses to set them.
    try:
      resource.setrlimit(number, (most, most))
    except (ValueError, OSError):
      continue
