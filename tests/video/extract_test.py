"""A video becomes folders of silhouettes, in bounded memory, stoppable."""

import collections
import gc
import weakref

import cv2
import numpy as np
import pytest
import staged

import selfgait_jax
from selfgait_jax import errors
from selfgait_jax.video import extract, folder

LONG = 90_000  # frames of an hour


def run(video, where, follow=iter, segmenter=staged.segmenter):
  kept = folder.VideoFolder(where, video, 'staged')
  found = list(extract.extract(video, segmenter, kept, follow))
  return found, kept.report


@pytest.fixture
def source(tmp_path):
  path = tmp_path / 'walk.mp4'
  path.write_bytes(b'what a folder is compared with')
  return path


@pytest.fixture
def where(tmp_path):
  return tmp_path / 'out' / 'walk'


def test_each_walker_is_a_folder_of_aligned_silhouettes(source, where):
  video = staged.Staged(source, 160)
  found, report = run(video, where)
  assert [one.track for one in found] == ['track-001', 'track-002']
  assert report == folder.Report(160, tuple(found), 0, ())
  assert report == folder.VideoFolder(where, video, 'staged').report
  clips = selfgait_jax.read_clips(where)
  assert [len(clip.frames) for clip in clips] == [one.frames for one in found]
  for clip, one in zip(clips, found, strict=True):
    assert not clip.left_out and clip.frames.shape[1:] == (64, 64)
    quality = selfgait_jax.quality(clip)
    assert (quality.verdict, quality.reasons) == (one.verdict, one.reasons)
    assert one.ends == 'leaves the picture' and one.end - one.start > 1.5
  # Frames have the numbers that they have in the video.
  names = sorted(path.stem for path in (where / 'track-002').iterdir())
  assert 80 < int(names[0]) < int(names[-1]) < 140
  assert found[1].start == int(names[0]) / 25


def test_nobody_is_cut_at_a_side(source, where):
  """All frames of a walker are of the same width and height."""
  run(staged.Staged(source, 80), where)
  for frame in next(iter(selfgait_jax.read_clips(where))).frames:
    assert 20 < (frame[:20] > 127).any(0).sum() < 23


def test_the_overlay_has_every_frame_and_shows_who_was_found(source, where):
  run(staged.Staged(source, 80), where)
  capture = cv2.VideoCapture(str(where / folder.OVERLAY))
  frames = [capture.read()[1] for _ in range(80)]
  assert not capture.read()[0]
  colourful = [np.ptp(frame.astype(int), axis=-1).max() for frame in frames]
  assert colourful[40] > 60 > colourful[75]


def test_a_long_track_is_cut(source, where, monkeypatch):
  monkeypatch.setattr(extract, 'LONGEST', 25)
  found, _ = run(staged.Staged(source, 80), where)
  assert [(one.frames, one.ends) for one in found] == [
    (25, 'has 25 frames'), (22, 'leaves the picture')
  ]  # fmt: skip
  names = [sorted((where / one.track).iterdir()) for one in found]
  assert names[0][-1].name < names[1][0].name


def test_a_pair_that_parts_is_left_out(source, where):
  def pair(video):
    def segment(frame):
      number = next(numbers)
      mask = np.zeros(video.size, np.uint8)
      for speed in (0, max(0, number - 30)):
        left = 10 + number + speed
        mask[10:70, left : left + 18] = 255
      return mask

    numbers = iter(range(80))
    return segment

  found, report = run(staged.Staged(source, 60), where, segmenter=pair)
  names = [one.track for one in found]
  assert report.parted == 1 and names == ['track-002', 'track-003']
  assert not (where / 'track-001').exists()


def test_a_video_that_ends_too_early_is_said_to(source, where):
  _, report = run(staged.Staged(source, 80, expected=200), where)
  (note,) = report.notes
  assert 'only 80 of 200 frames' in note and 'damaged or cut off' in note


def test_what_was_finished_stays_when_it_is_stopped(source, where):
  video = staged.Staged(source, 400)

  def stop(frames):
    for number, frame in enumerate(frames):
      if number == 200:
        raise KeyboardInterrupt
      yield frame

  with pytest.raises(KeyboardInterrupt):
    run(video, where, stop)
  assert folder.VideoFolder(where, video, 'staged').report is None
  assert sorted(path.name for path in where.iterdir()) == [
    'track-001', 'track-002', folder.RECORD,
  ]  # fmt: skip
  before = [len(clip.frames) for clip in selfgait_jax.read_clips(where)]
  found, _ = run(video, where)  # the same again
  assert [one.frames for one in found][:2] == before and len(found) == 5


def test_a_closed_generator_stops_too(source, where):
  video = staged.Staged(source, 400)
  kept = folder.VideoFolder(where, video, 'staged')
  steps = extract.extract(video, staged.segmenter, kept, iter)
  assert next(steps).track == 'track-001'
  steps.close()
  assert kept.report is None and not list(where.glob('.*'))


class Watched(staged.Staged):
  """Counts how many of its frames are alive."""

  def __iter__(self):
    self.alive, self.most = 0, 0
    for frame in super().__iter__():
      frame = frame.view(Frame)
      self.alive += 1
      self.most = max(self.most, self.alive)
      weakref.finalize(frame, self._gone)
      yield frame

  def _gone(self):
    self.alive -= 1


class Frame(np.ndarray):
  """An array that can be watched."""


def test_frames_are_not_kept(source, where):
  video = Watched(source, 1000)
  gc.collect()
  found, _ = run(video, where)
  assert len(found) == 13 and video.most <= 4


@pytest.mark.slow
def test_an_hour_takes_no_more_memory_than_a_minute(source, tmp_path):
  most = collections.Counter()

  def counted(frames):
    for number, frame in enumerate(frames):
      if number % 1000 == 500:
        name = 'minute' if number < 1500 else 'hour'
        most[name] = max(most[name], resident())
      yield frame

  video = Watched(source, LONG)
  found, report = run(video, tmp_path / 'hour', counted)
  assert len(found) == LONG // 80 and report.frames == LONG
  assert video.most <= 4
  assert most['hour'] < most['minute'] + 30e6


def resident():
  """Bytes of this process in memory."""
  with open('/proc/self/statm') as file:
    return int(file.read().split()[1]) * 4096


def test_a_full_disk_is_a_sentence(source, where, monkeypatch):
  def full(*_):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(folder.os, 'replace', full)
  with pytest.raises(errors.UserError, match='No space left.*change --out'):
    run(staged.Staged(source, 80), where)
  assert not list(where.glob('.*'))
