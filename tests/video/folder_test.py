"""A video's folder goes on only with the work that it began."""

import json

import pytest
import staged

from selfgait_jax import errors
from selfgait_jax.video import folder


@pytest.fixture
def video(tmp_path):
  path = tmp_path / 'walk.mp4'
  path.write_bytes(b'a video')
  return staged.Staged(path, 1)


def finish(where, video):
  kept = folder.VideoFolder(where, video, 'background')
  with kept.anew() as path:
    path.write_bytes(b'an overlay')
    kept.finish(folder.Report(1, (), 0, ()))


def test_a_finished_folder_is_known_again(tmp_path, video):
  where = tmp_path / 'out'
  assert folder.VideoFolder(where, video, 'background').report is None
  finish(where, video)
  report = folder.VideoFolder(where, video, 'background').report
  assert report == folder.Report(1, (), 0, ())
  assert {path.name for path in where.iterdir()} == {
    folder.RECORD, folder.OVERLAY,
  }  # fmt: skip


def test_another_video_or_segmenter_is_refused(tmp_path, video):
  where = tmp_path / 'out'
  finish(where, video)
  with pytest.raises(errors.UserError, match='another video or segmenter'):
    folder.VideoFolder(where, video, 'onnx:a.onnx')
  video.path.write_bytes(b'another video')
  with pytest.raises(errors.UserError, match='change --out'):
    folder.VideoFolder(where, video, 'background')


def test_what_others_wrote_is_left_alone(tmp_path, video):
  (tmp_path / 'mine.txt').write_text('mine')
  with pytest.raises(errors.UserError, match='found something else'):
    folder.VideoFolder(tmp_path, video, 'background')
  assert (tmp_path / 'mine.txt').read_text() == 'mine'
  with pytest.raises(errors.UserError, match='found something else'):
    folder.VideoFolder(tmp_path / 'mine.txt', video, 'background')


@pytest.mark.parametrize(
  'content',
  [
    b'',
    b'{',
    b'[]',
    b'3',
    b'{"version": 99, "source": {}}',
    b'\xff',
    b'[' * 9999,
  ],
)
def test_a_damaged_record_is_refused(tmp_path, video, content):
  where = tmp_path / 'out'
  finish(where, video)
  (where / folder.RECORD).write_bytes(content)
  with pytest.raises(errors.UserError, match='found something else'):
    folder.VideoFolder(where, video, 'background')


@pytest.mark.parametrize('report', [3, [], {'frames': 1}, {'tracks': [{}]}])
def test_a_report_that_says_nothing_is_refused(tmp_path, video, report):
  where = tmp_path / 'out'
  finish(where, video)
  record = json.loads((where / folder.RECORD).read_text())
  (where / folder.RECORD).write_text(json.dumps(record | {'report': report}))
  with pytest.raises(errors.UserError, match='found something else'):
    folder.VideoFolder(where, video, 'background')


def test_starting_anew_deletes_own_files_only(tmp_path, video):
  where = tmp_path / 'out'
  finish(where, video)
  (where / 'track-001').mkdir()
  (where / 'notes.txt').write_text('mine')
  (where / 'mine').mkdir()
  with folder.VideoFolder(where, video, 'background').anew():
    found = {path.name for path in where.iterdir()}
  assert found == {folder.RECORD, 'notes.txt', 'mine'}
