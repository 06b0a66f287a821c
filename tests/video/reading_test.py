"""Videos of every kind give frames; what is none ends in one sentence."""

import pathlib
import struct
import wave

import bounded
import cv2
import filmed
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from selfgait_jax import errors
from selfgait_jax.video import reading

SIZE = 90, 160
RAMP = np.linspace(20, 230, SIZE[1], dtype=np.uint8)


def pictures(count=20, size=SIZE):
  """Dark at the left and bright at the right, uint8 [H, W, 3]."""
  ramp = np.linspace(20, 230, size[1], dtype=np.uint8)
  return [np.tile(ramp[None, :, None], (size[0], 1, 3))] * count


def read(path):
  video = reading.open_video(path)
  return video, list(video)


@pytest.mark.parametrize(
  ('name', 'codec'),
  [
    ('a.mp4', 'mp4v'),
    ('a.avi', 'MJPG'),
    ('a.avi', 'XVID'),
    ('a.mkv', 'mp4v'),
    ('all colours.mkv', 'FFV1'),  # 4:4:4
  ],
)
@pytest.mark.parametrize('rate', [25, 30])
def test_kinds_and_rates(tmp_path, name, codec, rate):
  path = filmed.write(tmp_path / name, pictures(), rate, codec)
  video, frames = read(path)
  assert (video.size, video.rate, video.expected) == (SIZE, rate, 20)
  assert len(frames) == 20
  found = frames[10].astype(float)
  assert np.abs(found - RAMP[None, :, None]).mean() < 4


def test_an_odd_size(tmp_path):
  frames = pictures(size=(91, 161))
  path = filmed.write(tmp_path / 'a.avi', frames, 25, 'MJPG')
  video, frames = read(path)
  assert video.size == frames[0].shape[:2] == (91, 161)


def test_16_bit_grey(tmp_path):
  path = tmp_path / 'a.mkv'
  writer = cv2.VideoWriter(
    str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*'FFV1'), 25, SIZE[::-1],
    [cv2.VIDEOWRITER_PROP_DEPTH, cv2.CV_16U, cv2.VIDEOWRITER_PROP_IS_COLOR, 0],
  )  # fmt: skip
  for frame in pictures():
    writer.write(frame[..., 0].astype(np.uint16) * 257)
  writer.release()
  _, frames = read(path)
  assert frames[0].dtype == np.uint8
  assert np.abs(frames[0].astype(float) - RAMP[None, :, None]).mean() < 4


def test_high_rates_are_thinned(tmp_path):
  path = filmed.write(tmp_path / 'a.mp4', pictures(21), 60)
  video, frames = read(path)
  assert (video.rate, video.every, video.expected) == (30, 2, 10)
  assert len(frames) == 11


def test_large_frames_are_scaled_down(tmp_path):
  path = filmed.write(tmp_path / 'a.avi', pictures(2, (1080, 1920)), 25, 'MJPG')
  video, frames = read(path)
  assert video.size == frames[0].shape[:2] == (720, 1280)


def test_turned_as_the_file_says(tmp_path):
  whole = filmed.write(tmp_path / 'a.mp4', pictures()).read_bytes()
  place = whole.index(b'tkhd') + 44  # its matrix
  quarter = struct.pack('>9i', 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
  turned = tmp_path / 'turned.mp4'
  turned.write_bytes(whole[:place] + quarter + whole[place + 36 :])
  video, frames = read(turned)
  assert video.size == frames[0].shape[:2] == SIZE[::-1]
  assert frames[0][-1].mean() > frames[0][0].mean() + 100


def test_a_file_that_was_cut_off_gives_what_it_has(tmp_path):
  path = filmed.write(tmp_path / 'a.avi', pictures(40), 25, 'MJPG')
  content = path.read_bytes()
  path.write_bytes(content[: len(content) // 2])
  video, frames = read(path)
  assert 5 < len(frames) < 35 and video.expected == 40


def _sound(path):
  with wave.open(str(path), 'wb') as file:
    file.setparams((1, 2, 8000, 0, 'NONE', ''))
    file.writeframes(bytes(8000))


def _cut(path):
  whole = filmed.write(path, pictures()).read_bytes()
  path.write_bytes(whole[: len(whole) // 2])


BAD = {
  'sound.mp4': _sound,
  'cut.mp4': _cut,
  'text.txt': lambda path: path.write_text('hello\n' * 99),
  'text.mp4': lambda path: path.write_text('hello\n' * 99),
  'empty.mp4': lambda path: path.write_bytes(b''),
  'picture.png': lambda path: cv2.imwrite(str(path), pictures()[0]),
  'list.m3u8': lambda path: path.write_text('#EXTM3U\n#EXTINF:9,\na.mp4\n'),
  'folder.mp4': lambda path: path.mkdir(),
  'missing.mp4': lambda path: None,
  'a%d.mp4': lambda path: None,
}


@pytest.mark.parametrize('name', BAD)
def test_no_video(tmp_path, name):
  filmed.write(tmp_path / 'a.mp4', pictures())
  BAD[name](tmp_path / name)
  with pytest.raises(errors.UserError, match='^expected a video .*, found'):
    reading.open_video(tmp_path / name)


def test_no_address_is_opened():
  with pytest.raises(errors.UserError, match='found nothing'):
    reading.open_video('http://127.0.0.1:9/a.mp4')


def test_the_environment_stays_as_it_was(tmp_path, monkeypatch):
  name = 'OPENCV_FFMPEG_CAPTURE_OPTIONS'
  path = filmed.write(tmp_path / 'a.mp4', pictures())
  monkeypatch.setenv(name, 'mine;1')
  read(path)
  assert reading.os.environ[name] == 'mine;1'
  monkeypatch.delenv(name)
  read(path)
  assert name not in reading.os.environ


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
  folder = tmp_path_factory.mktemp('whole')
  return {
    name: filmed.write(folder / name, pictures(5), 25, codec).read_bytes()
    for name, codec in (('a.mp4', 'mp4v'), ('a.avi', 'MJPG'), ('a.mkv', 'FFV1'))
  }


@hypothesis.settings(
  max_examples=40,
  derandomize=True,
  database=None,
  deadline=None,
  suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(st.data())
def test_a_damaged_file_gives_frames_or_a_sentence(whole, tmp_path, data):
  name = data.draw(st.sampled_from(sorted(whole)))
  content = whole[name]
  for _ in range(data.draw(st.integers(1, 3))):
    place = data.draw(st.integers(0, len(content)))
    left_out, added = (
      data.draw(st.integers(0, 40)),
      data.draw(st.binary(max_size=9)),
    )
    content = content[:place] + added + content[place + left_out :]
  path = pathlib.Path(tmp_path, name)
  path.write_bytes(content)
  with bounded.limits(seconds=10, megabytes=2000):
    try:
      video, frames = read(path)
    except errors.UserError:
      return
  assert len(frames) < 100 and video.rate > 0
  assert all(frame.shape == (*video.size, 3) for frame in frames)
