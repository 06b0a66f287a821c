"""`selfgait walkers` makes folders of frames and a film to try things with."""

import cv2
import numpy as np
import pytest

from selfgait_jax.cli import command
from selfgait_jax.data.walkers import film, walkers


def test_folders_and_film(tmp_path, capsys):
  out = tmp_path / 'new' / 'walkers'
  given = ['walkers', '--people=1', '--frames=3', f'--out={out}']
  assert command.main(given) == 0
  assert '1 walkers, 30 clips of 3 frames' in capsys.readouterr().out
  clips = sorted(out.glob('*/*/*/'))
  assert len(clips) == 30 and clips[0] == out / 'walker-01/bg-01/054'
  frames = [
    cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    for path in sorted((out / 'walker-01/cl-02/126').iterdir())
  ]
  expected = walkers.render_sequence('walker-01', 'cl-02', '126', 3, seed=1)
  np.testing.assert_array_equal(frames, expected)
  video = cv2.VideoCapture(str(out / 'crossing.mp4'))
  assert video.get(cv2.CAP_PROP_FRAME_COUNT) > 100
  assert video.read()[1].shape == (film.HEIGHT, film.WIDTH, 3)


def test_the_film_shows_a_walker_who_crosses():
  frames = film.frames('walker-01', 'nm-01', seed=1)
  dark = frames < (film.WALL + film.PERSON) / 2
  assert not dark[0].any() and dark[len(dark) // 2].sum() > 5000
  columns = [np.flatnonzero(x.any(axis=0)).mean() for x in dark[30:110:20]]
  assert np.all(np.diff(columns) < -60)  # to where the walker looks


@pytest.mark.parametrize(
  ('change', 'words'),
  [
    ('--people=0', 'expected --people from 1 to 999, found 0'),
    ('--frames=1000', 'expected --frames from 1 to 999, found 1000'),
    ('--seed=-1', 'expected --seed'),
  ],
)
def test_bad_numbers(tmp_path, capsys, change, words):
  assert command.main(['walkers', f'--out={tmp_path}', change]) == 1
  assert words in capsys.readouterr().err


def test_a_folder_in_use_is_left_alone(tmp_path, capsys):
  (tmp_path / 'mine').write_text('mine')
  assert command.main(['walkers', f'--out={tmp_path}']) == 1
  assert (
    'expected a new or empty folder, found files' in capsys.readouterr().err
  )
  assert [path.name for path in tmp_path.iterdir()] == ['mine']
  assert command.main(['walkers', f'--out={tmp_path / "mine" / "below"}']) == 1
  assert 'expected a folder that can be written' in capsys.readouterr().err
