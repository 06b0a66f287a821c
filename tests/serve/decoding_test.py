"""Hostile files, and what the process that reads them may do."""

import io
import json
import struct
import subprocess
import sys
import threading
import time
import zipfile

import cv2
import fabricated
import hostile
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from served import npy, npz, png

from selfgait_jax import errors
from selfgait_jax.data.walkers import film
from selfgait_jax.serve import decoding, jobs, uploads

CLIP = fabricated.silhouettes(30)
FEW = hypothesis.settings(
  max_examples=60, derandomize=True, database=None, deadline=None
)


@pytest.fixture
def decode(tmp_path):
  """The clips of files {name: bytes}, by their sources."""

  def decode(files, job=None):
    items = []
    for number, (name, content) in enumerate(files.items()):
      path = tmp_path / f'{number:06d}.{name.split(".")[-1]}'
      path.write_bytes(content)
      items.append(uploads.Item(str(path), name))
    upload = uploads.Upload(tmp_path, tuple(items), '')
    job = job or jobs.Job('look', None, None)
    return {clip.source: clip for clip in decoding.decode(upload, job)}

  return decode


def bomb(shape, fortran=False):
  """A .npz that claims many frames and unpacks to gigabytes of zeros."""
  header = repr({'descr': '|u1', 'fortran_order': fortran, 'shape': shape})
  header = header.encode().ljust(117) + b'\n'
  start = b'\x93NUMPY\1\0' + struct.pack('<H', len(header)) + header
  target = io.BytesIO()
  with (
    zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED) as archive,
    archive.open('a.npy', 'w', force_zip64=True) as stream,
  ):
    stream.write(start)
    for _ in range(64):
      stream.write(bytes(2**20))
  return target.getvalue()


def objects():
  target = io.BytesIO()
  np.save(target, np.array([print], object), allow_pickle=True)
  return target.getvalue()


def test_hostile_files_end_in_sentences_beside_a_good_one(decode):
  found = decode(
    {
      'good.npy': npy(CLIP),
      'huge.png': hostile.png(
        [(b'IHDR', hostile.header(20_000, 20_000)), (b'IEND', b'')]
      ),
      'stream.png': hostile.LARGE_PNGS['a stream of 1 GB'](),
      'frames.npz': bomb((20_000, 4096, 4096)),
      'turned.npz': bomb((16_000, 512, 512), fortran=True),
      'pickle.npy': objects(),
      'pickle.npz': npz(a=CLIP, b=np.array(['x'], object)),
      'no.npz': b'PK\3\4' + bytes(100),
      'film.mp4': b'\0\0\0\x18ftypmp42',
    }
  )
  assert len(found.pop('good.npy').frames) == 30
  assert len(found.pop('pickle.npz:a').frames) == 30
  said = {
    'huge.png': '20000 x 20000 pixels',
    'stream.png': 'more pixels than its header',
    'frames.npz:a': 'more than 4 GiB',
    'turned.npz:a': 'too much memory|ends too early',
    'pickle.npy': 'elements of type object|shape',
    'pickle.npz:b': 'elements of type object|shape',
    'no.npz': 'NumPy',
    'film.mp4': 'expected a video',
  }
  assert set(found) == set(said)
  for source, words in said.items():
    clip = found[source]
    assert not len(clip.frames)
    assert any(part in clip.left_out[0] for part in words.split('|')), clip


def test_a_video_becomes_the_clips_of_its_people(decode, tmp_path):
  path = tmp_path / 'made.mp4'
  writer = cv2.VideoWriter(
    str(path), cv2.VideoWriter_fourcc(*'mp4v'), 25, (320, 180)
  )
  for frame in film.frames('001', 'nm-01', 0):
    small = cv2.resize(frame, (320, 180))
    writer.write(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR))
  writer.release()
  found = decode({'walk.mp4': path.read_bytes()})
  assert list(found) == ['walk.mp4/track-001']
  assert len(found['walk.mp4/track-001'].frames) > 25
  assert not [p for p in tmp_path.iterdir() if p.is_dir()]


def test_too_many_frames_are_a_sentence(decode):
  blank = np.zeros((7000, 64, 64), np.uint8)
  with pytest.raises(errors.UserError, match='at most 20,000 frames'):
    decode({'a.npz': npz(a=blank, b=blank, c=blank)})


def test_frames_keep_the_names_that_they_came_with(tmp_path):
  folder = tmp_path / '000000'
  folder.mkdir()
  names = ('walk 7.png', '<b>8</b>.png', '9.png')
  for number, content in enumerate([png(CLIP[0]), b'', b'x']):
    (folder / f'{number:06d}.png').write_bytes(content)
  upload = uploads.Upload(
    tmp_path, (uploads.Item(str(folder), 'anna', names),), ''
  )
  [clip] = decoding.decode(upload, jobs.Job('look', None, None))
  assert clip.source == 'anna' and len(clip.frames) == 1
  assert '(<b>8</b>.png)' in ' '.join(clip.left_out)
  assert '(9.png)' in ' '.join(clip.left_out)


def test_the_process_cannot_take_more_memory():
  program = (
    'from selfgait_jax.serve import child; child._limit(); import numpy\n'
    'numpy.empty(4 * 2**30, numpy.uint8)'
  )
  done = subprocess.run(
    [sys.executable, '-c', program], capture_output=True, text=True
  )
  assert done.returncode and 'MemoryError' in done.stderr


@pytest.mark.parametrize(
  ('program', 'words'),
  [
    ('import os; os.kill(os.getpid(), 9)', 'was ended'),
    ('print("{}")', 'was ended'),
    ('import time; time.sleep(60)', 'within 0.5 s'),
  ],
)
def test_a_process_that_ends_or_hangs_is_a_sentence(
  decode, monkeypatch, program, words
):
  monkeypatch.setattr(decoding, '_PROGRAM', program)
  monkeypatch.setattr(decoding, 'SECONDS', 0.5 if 'sleep' in program else 60)
  with pytest.raises(errors.UserError, match=words):
    decode({'a.npy': npy(CLIP)})


def test_reading_is_cancelled_at_once(decode, monkeypatch):
  monkeypatch.setattr(decoding, '_PROGRAM', 'import time; time.sleep(60)')
  job = jobs.Job('look', None, None)
  threading.Timer(0.3, job.cancel).start()
  start = time.monotonic()
  with pytest.raises(jobs.Cancelled):
    decode({'a.npy': npy(CLIP)}, job)
  assert time.monotonic() - start < 30


RECORDS = st.fixed_dictionaries(
  {},
  optional={
    'item': st.integers(-2, 2) | st.text(max_size=3),
    'member': st.text(max_size=5) | st.none(),
    'shape': st.lists(
      st.integers(-1, 2) | st.sampled_from([64, 44, 10**9]), max_size=4
    ),
    'left_out': st.lists(st.text(max_size=5), max_size=2) | st.integers(),
    'lost': st.integers() | st.text(max_size=2),
    'end': st.booleans(),
    'error': st.text(max_size=5) | st.lists(st.integers(), max_size=2),
  },
)


@FEW
@hypothesis.given(st.lists(RECORDS | st.binary(max_size=20), max_size=4))
def test_whatever_the_process_answers(answer):
  content = b''.join(
    one if isinstance(one, bytes) else json.dumps(one).encode() + b'\n'
    for one in answer
  )
  items = [uploads.Item('x', 'anna')]
  try:
    for clip in decoding.read_answer(io.BytesIO(content), items):
      assert clip.frames.dtype == np.uint8 and clip.source.isprintable()
      assert all(sentence.isprintable() for sentence in clip.left_out)
  except (EOFError, errors.UserError):
    pass
