"""`selfgait silhouettes`: the folders, the table, going on, and the errors."""

import json
import os
import signal
import subprocess
import sys

import filmed
import numpy as np
import pytest

import selfgait_jax
from selfgait_jax.cli import command, common
from selfgait_jax.data.walkers import film


def run(capsys, *arguments):
  """(status, lines of output, last line of errors)."""
  status = command.main(['silhouettes', *map(str, arguments)])
  said = capsys.readouterr()
  return status, said.out.splitlines(), said.err.strip().split('\n')[-1]


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
  """`crossing.mp4`, in which a walker crosses, and `empty.mp4`."""
  folder = tmp_path_factory.mktemp('videos')
  masks = film.masks('a', 'nm-01', 0)[:, ::2, ::2]
  filmed.write(folder / 'crossing.mp4', filmed.scene(masks))
  nobody = np.zeros_like(masks[:40])
  filmed.write(folder / 'empty.mp4', filmed.scene(nobody))
  return folder


@pytest.fixture(scope='module')
def made(videos, tmp_path_factory):
  """What the command makes of both."""
  out = tmp_path_factory.mktemp('made')
  given = [str(videos / f'{name}.mp4') for name in ('crossing', 'empty')]
  assert command.main(['silhouettes', *given, f'--out={out}']) == 0
  return out


def test_a_row_for_each_track(capsys, videos, made):
  status, lines, complaint = run(
    capsys, videos / 'crossing.mp4', f'--out={made}'
  )
  assert status == 0 and not complaint
  titles, row, summary = lines
  assert titles.split() == [
    'track', 'frames', 'from', 'to', 'verdict', 'ends', 'video',
  ]  # fmt: skip
  name, frames, start, end, verdict, *ends, video = row.split()
  assert (name, verdict, video) == ('track-001', 'good', 'crossing.mp4')
  assert int(frames) > 60 and 0.5 < float(start) < float(end) < 6
  assert ' '.join(ends) == 'leaves the picture'
  assert summary == '  crossing.mp4: 146 frames, 1 track'


def test_a_finished_video_is_not_read_again(capsys, videos, made, monkeypatch):
  monkeypatch.setattr(common, 'follow_all', None)
  before = {path: path.stat().st_mtime_ns for path in made.rglob('*')}
  status, lines, _ = run(
    capsys, videos / 'crossing.mp4', videos / 'empty.mp4', f'--out={made}'
  )
  assert status == 0 and lines[-1].endswith('40 frames, 0 tracks')
  assert before == {path: path.stat().st_mtime_ns for path in made.rglob('*')}


def test_the_folder_holds_clips_of_the_walker(made):
  (clip,) = selfgait_jax.read_clips(made)
  assert clip.source == str(made / 'crossing' / 'track-001')
  found = selfgait_jax.quality(clip)
  assert found.verdict == 'good' and found.cycles > 2.5


def test_one_json_object_a_track_and_one_a_video(capsys, videos, made):
  status, lines, _ = run(
    capsys, videos / 'crossing.mp4', f'--out={made}', '--json'
  )
  track, summary = map(json.loads, lines)
  assert status == 0 and track['video'] == str(videos / 'crossing.mp4')
  assert track['track'] == 'track-001' and track['reasons'] == []
  del summary['video']
  assert summary == {'frames': 146, 'parted': 0, 'notes': []}


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_with_a_sentence(
  capsys, videos, tmp_path, monkeypatch, number
):
  def signalled(items, total, unit):
    for place, item in enumerate(items):
      if place == 5:
        os.kill(os.getpid(), number)
      yield item

  # A shell ignores Ctrl-C for what it starts in the background.
  signal.signal(signal.SIGINT, signal.default_int_handler)
  before = signal.getsignal(signal.SIGTERM)
  monkeypatch.setattr(common, 'follow_all', signalled)
  given = videos / 'crossing.mp4', f'--out={tmp_path}'
  status, _, complaint = run(capsys, *given)
  assert status == 130 and complaint.startswith('stopped; ')
  assert signal.getsignal(signal.SIGTERM) == before
  assert [path.name for path in tmp_path.rglob('*')] == [
    'crossing',
    'tracks.json',
  ]
  monkeypatch.undo()
  assert run(capsys, *given)[0] == 0


def test_nobody_in_the_only_video_is_an_error(capsys, videos, tmp_path):
  status, _, complaint = run(capsys, videos / 'empty.mp4', f'--out={tmp_path}')
  assert status == 1 and complaint.startswith('error: expected people who walk')


@pytest.mark.parametrize(
  ('arguments', 'words'),
  [
    (['missing.mp4', '--out=out'], 'found nothing'),
    (['text.mp4', '--out=out'], 'found none that can be read'),
    (['crossing.mp4', 'missing.mp4', '--out=out'], 'found nothing'),
    (['crossing.mp4', '--out=text.mp4'], 'expected text.mp4/crossing'),
    (['crossing.mp4', '--out=out', '--segmenter=mog'], 'background or onnx:'),
    (['crossing.mp4', './else/crossing.mp4', '--out=out'], 'different names'),
  ],
)
def test_mistakes_end_in_one_sentence(
  capsys, videos, monkeypatch, arguments, words
):
  monkeypatch.chdir(videos)
  (videos / 'text.mp4').write_text('no video')
  before = sorted(videos.rglob('*'))
  status, lines, complaint = run(capsys, *arguments)
  assert status == 1 and not lines and words in complaint
  assert complaint.startswith('error: expected ')
  assert sorted(videos.rglob('*')) == before


def test_it_needs_no_jax(videos, tmp_path):
  given = ['silhouettes', str(videos / 'crossing.mp4'), f'--out={tmp_path}']
  program = (
    'import sys; from selfgait_jax.cli import command\n'
    f'assert command.main({given}) == 0\n'
    'assert not {"jax", "tensorflow", "torch"} & set(sys.modules)'
  )
  done = subprocess.run([sys.executable, '-c', program], capture_output=True)
  assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_tracks_can_be_enrolled_and_found(capsys, made, tmp_path):
  track, people = made / 'crossing' / 'track-001', tmp_path / 'people.gallery'
  for arguments in (
    ['enrol', people, 'anna', track],
    ['inspect', made],
    ['search', people, made],
  ):
    assert command.main([str(argument) for argument in arguments]) == 0
  assert 'anna' in capsys.readouterr().out.splitlines()[-1]
