"""`selfgait inspect`: the table, the JSON lines, the sheet and the errors."""

import json
import subprocess
import sys

import cv2
import fabricated
import numpy as np
import pytest

import selfgait_jax
from selfgait_jax.cli import command, common
from selfgait_jax.clips import sheet
from selfgait_jax.data.walkers import walkers


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """A good clip, a doubtful one and three that are refused."""
  root = tmp_path_factory.mktemp('clips')
  walk = walkers.render_sequence('001', 'nm-01', '090', 40, 0)
  fabricated.write_pngs(root / 'good\n"<b>"', walk)
  np.savez(root / 'faults.npz', few=walk[:9], inverted=255 - walk, none=[1])
  (root / 'bad.npy').write_bytes(b'\x93NUMPY')
  return root


def run(capsys, *arguments):
  """(status, lines of output, last line of errors)."""
  status = command.main([str(argument) for argument in arguments])
  said = capsys.readouterr()
  return status, said.out.splitlines(), said.err.strip().split('\n')[-1]


def test_a_row_for_each_clip_and_the_reasons_below(capsys, folder):
  status, lines, complaint = run(capsys, 'inspect', folder)
  assert status == 0 and not complaint
  verdicts = [line.split()[0] for line in lines if line[0] != ' ']
  assert verdicts[1:-1] == ['refused', 'doubtful', 'refused', 'refused', 'good']
  assert lines[-1] == '5 clips: 3 refused, 1 doubtful, 1 good'
  assert any('9 usable frames' in line for line in lines)
  assert lines[-2].endswith(r'good\n"<b>"')


def test_one_json_object_a_clip(capsys, folder):
  status, lines, _ = run(capsys, 'inspect', folder, '--json')
  records = [json.loads(line) for line in lines]
  assert status == 0 and len(records) == 5
  assert records[-1]['source'] == str(folder / 'good\n"<b>"')
  clips = selfgait_jax.read_clips(folder)
  for record, clip in zip(records, clips, strict=True):
    found = selfgait_jax.quality(clip)
    assert record['verdict'] == found.verdict
    assert record['reasons'] == list(found.reasons)
    assert record['left_out'] == list(clip.left_out)


def test_the_sheet_shows_every_clip(capsys, folder, tmp_path):
  out = tmp_path / 'sheet.png'
  status, lines, _ = run(capsys, 'inspect', folder, f'--out={out}')
  image = cv2.imread(str(out))
  assert status == 0 and len(image) == 5 * 100
  assert lines[-1] == f'5 of 5 clips in {out}'
  bars = [tuple(image[50 + 100 * n, 0]) for n in range(5)]
  assert len(set(bars)) == 3 and bars == sorted(bars, key=bars.index)


def test_a_sheet_of_many_clips_keeps_the_worst(monkeypatch, tmp_path):
  monkeypatch.setattr(sheet, 'MOST_CLIPS', 3)
  walk = walkers.render_sequence('001', 'nm-01', '090', 40, 0)
  page = sheet.Sheet()
  for name in ('good', 'bad', 'good', 'few', 'good', 'bad'):
    frames = {'good': walk, 'bad': walk * 0, 'few': walk[:9]}[name]
    clip = selfgait_jax.Clip(name, frames)
    page.add(clip, selfgait_jax.quality(clip))
  page.write(tmp_path / 'a.png')
  image = cv2.imread(str(tmp_path / 'a.png'))
  bars = [tuple(image[50 + 100 * n, 0]) for n in range(len(page))]
  assert len(page) == 3 and bars[0] == bars[1] != bars[2]


@pytest.mark.parametrize(
  ('arguments', 'words'),
  [
    (['missing'], 'found nothing'),
    (['.', '--out=sheet.jpg'], 'to end in .png'),
    (['.', '--out=missing/sheet.png'], 'No such file or directory'),
  ],
)
def test_mistakes_end_in_one_sentence(
  capsys, folder, monkeypatch, arguments, words
):
  monkeypatch.chdir(folder)
  before = sorted(folder.rglob('*'))
  status, _, complaint = run(capsys, 'inspect', *arguments)
  assert status == 1 and complaint.startswith('error: expected ')
  assert words in complaint
  assert sorted(folder.rglob('*')) == before


def test_an_unwritable_sheet_leaves_the_old_one(capsys, folder, tmp_path):
  out = tmp_path / 'sheet.png'
  out.mkdir()
  status, _, complaint = run(capsys, 'inspect', folder, f'--out={out}')
  assert status == 1 and 'expected to write' in complaint
  assert list(tmp_path.iterdir()) == [out]


def test_inspecting_needs_no_jax(folder):
  program = (
    'import sys; from selfgait_jax.cli import command\n'
    f'assert command.main(["inspect", {str(folder)!r}]) == 0\n'
    'assert not {"jax", "tensorflow", "torch"} & set(sys.modules)'
  )
  done = subprocess.run([sys.executable, '-c', program], capture_output=True)
  assert done.returncode == 0, done.stderr


def test_a_table_fits_its_first_rows_and_takes_all(capsys):
  rows = [('a', 1, 0.123), 'a remark', ('long name', 20, 3.0)]
  common.print_table(('name', 'n', 'x'), rows * 40)
  lines = capsys.readouterr().out.splitlines()
  assert lines[:4] == [
    'name        n     x',
    'a           1  0.12',
    '  a remark',
    'long name  20  3.00',
  ]
  assert len(lines) == 121


def test_progress_is_said_only_if_it_takes_long(capsys, folder, monkeypatch):
  clips = selfgait_jax.read_clips(folder)
  assert len(list(common.follow(clips))) == 5
  assert not capsys.readouterr().err
  monkeypatch.setattr(common.progress.Counter.__init__, '__defaults__', (0.0,))
  list(common.follow(clips))
  lines = capsys.readouterr().err.splitlines()
  assert len(lines) == 5 and lines[-1].startswith('5/5 clips | ')
