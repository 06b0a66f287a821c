"""The folder of a video: its tracks, its overlay, and whether it is finished.

  VIDEO/track-001/000012.png   64 x 64, named by the number of the frame
  VIDEO/overlay.mp4
  VIDEO/tracks.json            of what, and what was found

`tracks.json` says at first that the video is unfinished, and at the end what
was found. All else appears whole or not at all, under a hidden name before.
"""

import contextlib
import dataclasses
import itertools
import os
import pathlib
import shutil
from collections.abc import Iterator

import cv2
import numpy as np

from selfgait_jax import errors
from selfgait_jax.machine import files
from selfgait_jax.video.reading import Video

RECORD = 'tracks.json'
OVERLAY = 'overlay.mp4'
_VERSION = 1  # of the folder
_HIDDEN = '.partial-'


@dataclasses.dataclass(frozen=True)
class Found:
  """A track that was written.

  Attributes:
    track: its name, that of its folder.
    frames: number of silhouettes.
    start: seconds of the video.
    end: seconds of the video.
    ends: why it ends.
    verdict: of `clips.quality`.
    reasons: sentences; none if the verdict is 'good'.
  """

  track: str
  frames: int
  start: float
  end: float
  ends: str
  verdict: str
  reasons: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Report:
  """What a video gave.

  Attributes:
    frames: number of frames that were read.
    tracks: those that were written.
    parted: number of tracks that were not: each parted into two people.
    notes: sentences about the video as a whole.
  """

  frames: int
  tracks: tuple[Found, ...]
  parted: int
  notes: tuple[str, ...]


class VideoFolder:
  """Where one video's tracks go.

  Attributes:
    path: of the folder.
    report: what is there, once the video is finished; else None.
  """

  def __init__(self, path: pathlib.Path, video: Video, segmenter: str):
    """Looks at the folder, which need not exist.

    Args:
      path: of the folder.
      video: from which the tracks are.
      segmenter: its name; another one makes other tracks.

    Raises:
      UserError: the folder has files of another kind, or of another video.
    """
    self.path = path
    self._source = _describe(video, segmenter)
    source, self.report = _read_record(path)
    if source not in (None, self._source):
      raise errors.UserError(
        f'expected {errors.printable(path)} to be of '
        f'{errors.printable(video.path)} with --segmenter='
        f'{errors.printable(segmenter)}, found another video or segmenter; '
        'delete the folder or change --out'
      )

  @contextlib.contextmanager
  def anew(self) -> Iterator[pathlib.Path]:
    """Makes the folder; deletes what an unfinished run left.

    Yields the path to write the overlay to. The block calls `finish` last.
    """
    try:
      self.path.mkdir(parents=True, exist_ok=True)
      self._write_record(None)
      self._delete('track-*', OVERLAY, f'{_HIDDEN}*')
    except OSError as error:
      raise _unwritable(self.path, error) from error
    try:
      yield self.path / f'{_HIDDEN}{OVERLAY}'
    finally:
      with contextlib.suppress(OSError):
        self._delete(f'{_HIDDEN}*')

  def add(self, name: str, frames: dict[int, np.ndarray]) -> None:
    """Writes a track: uint8 [64, 64] by the number of the frame."""
    partial = self.path / f'{_HIDDEN}{name}'
    try:
      partial.mkdir()
      for number, frame in frames.items():
        _, png = cv2.imencode('.png', frame)
        (partial / f'{number:06d}.png').write_bytes(png.tobytes())
      os.replace(partial, self.path / name)
    except OSError as error:
      raise _unwritable(self.path, error) from error

  def finish(self, report: Report) -> None:
    """Publishes the overlay, and writes the report into `tracks.json`."""
    try:
      os.replace(self.path / f'{_HIDDEN}{OVERLAY}', self.path / OVERLAY)
      self._write_record(report)
    except OSError as error:
      raise _unwritable(self.path, error) from error

  def _delete(self, *patterns):
    for path in itertools.chain(*map(self.path.glob, patterns)):
      shutil.rmtree(path) if path.is_dir() else path.unlink()

  def _write_record(self, report):
    record = {'version': _VERSION, 'source': self._source}
    if report:
      record['report'] = dataclasses.asdict(report)
    files.write_json(self.path / RECORD, record)
    self.report = report


def _describe(video, segmenter):
  """What tells the same work from another one."""
  state = video.path.stat()
  return {
    'video': video.path.name,
    'bytes': state.st_size,
    'modified': state.st_mtime_ns,
    'rate': video.rate,
    'segmenter': segmenter,
  }


def _read_record(path):
  """(source, report) of a folder; each None if there is none yet."""
  try:
    if not os.listdir(path):
      return None, None
    record = files.parse_json((path / RECORD).read_bytes())
    if record['version'] == _VERSION:
      return record['source'], _report(record.get('report'))
  except FileNotFoundError:
    if not path.exists():
      return None, None
  except (OSError, ValueError, TypeError, KeyError):
    pass
  raise errors.UserError(
    f'expected {errors.printable(path)} to be missing, empty, or what '
    '`selfgait silhouettes` wrote, found something else; change --out'
  )


def _report(found):
  if found is None:
    return None
  tracks = (
    Found(**one | {'reasons': tuple(one['reasons'])}) for one in found['tracks']
  )
  listed = {'tracks': tuple(tracks), 'notes': tuple(found['notes'])}
  return Report(**found | listed)


def _unwritable(path, error):
  return errors.UserError(
    f'expected to write to {errors.printable(path)}, found '
    f'{errors.first_line(error)}; free space or change --out'
  )
