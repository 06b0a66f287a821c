"""Preparation: complete, resumable, and one bad file never ends it."""

import json
import os
import pathlib
import pickle
import runpy
import shutil
import signal
import subprocess
import sys
import time

import fabricated
import numpy as np
import pytest

from selfgait_jax import errors
from selfgait_jax.data import datasets, loading, stored
from selfgait_jax.data.prepare import preparation, summaries, trees

ROOT = pathlib.Path(__file__).parents[3]
SCRIPT = str(ROOT / 'scripts' / 'prepare_silhouettes.py')
KEYS = [
  (subject, condition, view)
  for subject in ('001', '002')
  for condition in ('bg-01', 'nm-01')
  for view in ('000', '090')
]


def run(tree, output, facts=datasets.CASIA_B, workers=1, **options):
  """Prepares a tree in this process; returns the summary."""
  overwrite = options.pop('overwrite', 'never')
  source = trees.open_tree(facts, tree, **options)
  return preparation.prepare(
    source, output, workers, overwrite, report=lambda line: None
  )


def read(output, name='casia_b'):
  """Clips of a prepared data set by (subject, condition, view)."""
  return {
    (record.subject, record.condition, record.view): stored.decode(record)
    for record in loading.read_records(name, output)
  }


def refused(output, name='casia_b'):
  entries = json.loads((output / 'refused.json').read_text())[name]
  return {entry['file']: entry['reason'] for entry in entries}


def assert_same(found, expected):
  assert set(found) == set(expected)
  for key, clip in expected.items():
    np.testing.assert_array_equal(found[key], clip, err_msg=str(key))


def command(capsys, *arguments):
  """Runs the script here; returns its exit status, output and complaints."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(sys, 'argv', [SCRIPT, *map(str, arguments)])
    status = runpy.run_path(SCRIPT)['main']()
  return status, *capsys.readouterr()


def test_pickles_arrive_in_the_data_set(tmp_path):
  clips = fabricated.pickle_tree(tmp_path / 'in', KEYS)
  summary = run(tmp_path / 'in', tmp_path / 'out', workers=2)
  assert_same(read(tmp_path / 'out'), clips)
  assert summary['subjects'] == 2 and summary['sequences'] == len(KEYS)
  assert summary['frames'] == sum(map(len, clips.values()))
  assert summary['expected'] == {'subjects': 124, 'sequences': 13_640}
  assert summary['missing_count'] == 13_640 - len(KEYS)
  assert '001/bg-01/018' in summary['missing']
  home = tmp_path / 'out' / 'casia_b'
  assert json.loads((home / 'summary.json').read_text()) == summary
  assert {p.name for p in home.iterdir()} == {'1.0.0', 'summary.json', '.lock'}
  assert refused(tmp_path / 'out') == {}
  words = '\n'.join(summaries.describe(summary))
  assert '13,640' in words and '005' in words


def test_raw_masks_are_aligned_and_aligned_ones_kept(tmp_path):
  golden = np.load(
    pathlib.Path(__file__).parents[2] / 'golden/pretreatment.npz'
  )
  raw, aligned = tmp_path / 'raw/001/nm-01/090', tmp_path / 'al/001/nm-01/090'
  small = np.zeros((1, 240, 320), np.uint8)
  fabricated.write_pngs(raw, np.concatenate([golden['raw'], small]))
  fabricated.write_pngs(raw, golden['raw'])
  fabricated.write_pngs(aligned, golden['aligned'])
  summary = run(tmp_path / 'raw', tmp_path / 'out1')
  run(tmp_path / 'al', tmp_path / 'out2', aligned=True)
  key = ('001', 'nm-01', '090')
  found = read(tmp_path / 'out1')[key].astype(int)
  assert np.abs(found - golden['aligned']).max() <= 1
  assert summary['masks_left_out'] == 1
  remark = ['001/nm-01/090', 'only 8 of 9 frames can be used']
  assert summary['remarks'] == [remark] and summary['remarks_count'] == 1
  assert ': '.join(remark) in summaries.describe(summary)
  assert_same(read(tmp_path / 'out2'), {key: golden['aligned']})
  with pytest.raises(errors.UserError, match='--aligned'):
    run(tmp_path / 'al', tmp_path / 'out3')
  with pytest.raises(errors.UserError, match='240 x 320 .* expected 64 x'):
    run(tmp_path / 'raw', tmp_path / 'out4', aligned=True)


def test_ou_mvlp_in_both_layouts(tmp_path):
  clips = {}
  for seed, subject in enumerate(('00001', '00002', '10307')):
    for sequence, view in (('00', '000'), ('01', '270')):
      clip = fabricated.silhouettes(seed=seed)
      clips[subject, sequence, view] = clip
      fabricated.write_pngs(tmp_path / 'a' / subject / sequence / view, clip)
      folder = tmp_path / 'b' / f'Silhouette_{view}-{sequence}' / subject
      fabricated.write_pngs(folder, clip)
  for tree in ('a', 'b'):
    output = tmp_path / f'out_{tree}'
    summary = run(tmp_path / tree, output, datasets.OU_MVLP, aligned=True)
    assert_same(read(output, 'ou_mvlp'), clips)
    assert summary['expected'] == {'subjects': 10_307, 'sequences': 288_596}


def test_bad_files_are_named_and_the_rest_is_prepared(tmp_path):
  tree, trace = tmp_path / 'in', tmp_path / 'trace'
  clips = fabricated.pickle_tree(tree, KEYS)
  bad = [tree.joinpath(*k, f'{k[2]}.pkl') for k in KEYS[:4]]
  bad[0].write_bytes(b'')
  bad[1].write_bytes(bad[1].read_bytes()[:-100])
  bad[2].write_bytes(b'cos\nsystem\n(V' + f'touch {trace}\n'.encode() + b'tR.')
  bad[3].unlink()
  (tree / '001/nm-07/090').mkdir(parents=True)
  (tree / 'notes').mkdir()
  (tree / 'Thumbs.db').write_text('')
  bad[0].with_name('gone.pkl').symlink_to('nowhere')
  summary = run(tree, tmp_path / 'out')
  assert not trace.exists()
  for key in KEYS[:4]:
    del clips[key]
  assert_same(read(tmp_path / 'out'), clips)
  reasons = refused(tmp_path / 'out')
  assert summary['refused_count'] == len(reasons) == 6
  assert '2 pickles' in reasons['001/bg-01/000']
  assert 'not a complete pickle' in reasons['001/bg-01/090/090.pkl']
  assert 'asks for os.system' in reasons['001/nm-01/000/000.pkl']
  assert 'without frames' in reasons['001/nm-01/090']
  assert 'no condition of CASIA-B' in reasons['001/nm-07/090']
  assert 'no subject of CASIA-B' in reasons['notes']


def test_a_complete_data_set_is_not_made_again_nor_overwritten(tmp_path):
  fabricated.pickle_tree(tmp_path / 'in', KEYS)
  other = fabricated.pickle_tree(tmp_path / 'other', KEYS[:1])
  out = tmp_path / 'out'
  first = run(tmp_path / 'in', out)
  made = next((out / 'casia_b/1.0.0').glob('*.tfrecord*')).stat().st_mtime_ns
  assert run(tmp_path / 'in', out) == first
  again = next((out / 'casia_b/1.0.0').glob('*.tfrecord*')).stat().st_mtime_ns
  assert made == again
  with pytest.raises(errors.UserError, match='--overwrite'):
    run(tmp_path / 'other', out)
  run(tmp_path / 'other', out, overwrite='always')
  assert_same(read(out), other)


def test_a_changed_file_is_read_again_after_an_interruption(
  tmp_path, monkeypatch
):
  clips = fabricated.pickle_tree(tmp_path / 'in', KEYS)
  monkeypatch.setattr(preparation, '_build', _interrupt)
  with pytest.raises(KeyboardInterrupt):
    run(tmp_path / 'in', tmp_path / 'out')
  monkeypatch.undo()
  shutil.rmtree(tmp_path / 'in/001')
  clips = {key: clip for key, clip in clips.items() if key[0] == '002'}
  clips[KEYS[-1]] = fabricated.silhouettes(frames=9)
  fabricated.write_pickle(
    tmp_path / 'in' / pathlib.Path(*KEYS[-1]), clips[KEYS[-1]]
  )
  run(tmp_path / 'in', tmp_path / 'out')
  assert_same(read(tmp_path / 'out'), clips)


def _interrupt(*_):
  raise KeyboardInterrupt


def test_kill_9_and_the_same_command_goes_on(tmp_path, monkeypatch):
  tree, output = tmp_path / 'in', tmp_path / 'out'
  noise = np.random.default_rng(0).integers(0, 256, (80, 64, 64), np.uint8)
  source = fabricated.write_pickle(tmp_path / 'noise', noise)
  subjects = [f'{n:03d}' for n in range(1, 17)]
  for subject in subjects:
    for view in datasets.CASIA_B.views[:10]:
      folder = tree / subject / 'nm-01' / view
      folder.mkdir(parents=True)
      os.link(source, folder / f'{view}.pkl')
  options = ['--dataset=casiab', f'--input={tree}', f'--output={output}']
  process = subprocess.Popen(
    [sys.executable, SCRIPT, *options, '--workers=2'],
    env={**os.environ, 'PYTHONPATH': str(ROOT)},
    stdout=subprocess.DEVNULL,
  )
  staged = output / 'casia_b' / 'staging'
  while not list(staged.glob('*.npz')):
    assert process.poll() is None
    time.sleep(0.002)
  children = pathlib.Path(f'/proc/{process.pid}/task/{process.pid}/children')
  workers = children.read_text().split()
  process.send_signal(signal.SIGKILL)
  process.wait()
  _wait_until(lambda: not any(map(_alive, workers)))
  finished = {path.stem for path in staged.glob('*.npz')}
  assert len(workers) >= 2 and 0 < len(finished) < len(subjects)

  redone, read_all = [], trees.TreeSource.sequences

  def note_and_read(source, subject):
    redone.append(subject)
    return read_all(source, subject)

  monkeypatch.setattr(trees.TreeSource, 'sequences', note_and_read)
  summary = run(tree, output)
  assert sorted([*finished, *redone]) == subjects
  assert summary['sequences'] == 160
  assert_same(
    read(output),
    {
      (subject, 'nm-01', view): noise
      for subject in subjects
      for view in datasets.CASIA_B.views[:10]
    },
  )


def _alive(pid):
  try:
    return 'Z' not in pathlib.Path(f'/proc/{pid}/stat').read_text().split()[2]
  except OSError:
    return False


def _wait_until(condition, seconds=10):
  end = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < end, 'the workers outlived their parent'
    time.sleep(0.02)


def test_a_disk_full_of_records_costs_no_finished_work(tmp_path, monkeypatch):
  from selfgait_jax.data.prepare import builders

  def fill_the_disk(*_):
    raise builders.tf.errors.ResourceExhaustedError(None, None, 'No space')

  clips = fabricated.pickle_tree(tmp_path / 'in', KEYS)
  monkeypatch.setattr(builders.CasiaB, '_generate_examples', fill_the_disk)
  with pytest.raises(errors.UserError, match='No space.*make room'):
    run(tmp_path / 'in', tmp_path / 'out')
  monkeypatch.undo()
  monkeypatch.delattr(trees.TreeSource, 'sequences')  # nothing is read again
  run(tmp_path / 'in', tmp_path / 'out')
  assert_same(read(tmp_path / 'out'), clips)


def test_the_command_says_what_was_refused(tmp_path, capsys):
  fabricated.pickle_tree(tmp_path / 'in', KEYS)
  (tmp_path / 'in/001/nm-01/090/090.pkl').write_bytes(b'')
  output, packed = tmp_path / 'out', tmp_path / 'new' / 'packed.npz'
  status, said, _ = command(
    capsys,
    '--dataset=casiab',
    f'--input={tmp_path / "in"}',
    f'--output={output}',
    f'--pack={packed}',
    '--workers=1',
  )
  assert status == 0
  *_, named, last = said.strip().splitlines()
  assert named.startswith('refused 001/nm-01/090/090.pkl: ')
  assert '7 sequences' in last and '1 files or folders were refused' in last
  assert 'ETA' in said and packed.exists()
  assert list(refused(output)) == ['001/nm-01/090/090.pkl']


@pytest.mark.parametrize(
  ('entries', 'sentence'),
  [
    (None, 'found none at'),
    ([], 'found an empty folder'),
    (['001.tar.gz', '002.tar.gz'], 'unpack the archives first'),
    (['CASIA-B/001/nm-01/000/000.pkl'], 'found CASIA-B; point --input'),
    (['001/nm-01/000.pkl', 'x'], 'subject/condition/view'),
    (['00001/00/000/000.pkl'], 'such as 001/nm-06/180/'),
  ],
)
def test_wrong_input_ends_with_a_sentence(tmp_path, entries, sentence):
  tree = tmp_path / 'in'
  for entry in entries or []:
    (tree / entry).parent.mkdir(parents=True, exist_ok=True)
    (tree / entry).write_bytes(pickle.dumps(fabricated.silhouettes()))
  if entries == []:
    tree.mkdir()
  with pytest.raises(errors.UserError, match=sentence) as raised:
    run(tree, tmp_path / 'out')
  assert '\n' not in str(raised.value)
  assert not (tmp_path / 'out').exists()


def test_nothing_readable_and_occupied_places_end_with_a_sentence(tmp_path):
  path = fabricated.write_pickle(tmp_path / 'in/001/nm-01/090', 'no array')
  with pytest.raises(errors.UserError, match='none that can be used.*holds a'):
    run(tmp_path / 'in', tmp_path / 'out')
  assert str(path.relative_to(tmp_path / 'in')) in refused(tmp_path / 'out')
  (tmp_path / 'file').write_text('')
  with pytest.raises(errors.UserError, match='found a file'):
    run(tmp_path / 'in', tmp_path / 'file')
  (tmp_path / 'mine/casia_b').mkdir(parents=True)
  (tmp_path / 'mine/casia_b/thesis.tex').write_text('precious')
  with pytest.raises(errors.UserError, match="'thesis.tex'; change --output"):
    run(tmp_path / 'in', tmp_path / 'mine', overwrite='always')
  assert (tmp_path / 'mine/casia_b/thesis.tex').exists()


def test_names_that_no_terminal_shows_are_escaped(tmp_path, capsys):
  tree = tmp_path / 'in'
  clip = fabricated.silhouettes(frames=12)
  fabricated.write_pngs(tree / '001/nm-01/090', clip)
  bad = b'\xff\xfe.png', b'x\x1b[2J\nerror: all fine.png', 251 * b'y' + b'.png'
  for name in bad:
    path = os.fsencode(tree / '001/nm-01/090') + b'/' + name
    pathlib.Path(os.fsdecode(path)).write_bytes(b'')
  (tree / (255 * 'z')).mkdir()
  (tree / '001' / (255 * 'z') / '090').mkdir(parents=True)
  status, said, _ = command(
    capsys,
    '--dataset=casiab',
    f'--input={tree}',
    f'--output={tmp_path / "out"}',
    '--aligned',
    '--workers=1',
  )
  assert status == 0
  assert r'\udcff\udcfe.png: an empty file' in said
  assert r'x\x1b[2J\nerror: all fine.png: an empty file' in said
  assert 'only 12 of 15 frames' in said
  assert max(map(len, said.splitlines())) <= 1000
  assert 255 * 'z' in refused(tmp_path / 'out')  # in full, to be found again
  key = ('001', 'nm-01', '090')
  assert_same(read(tmp_path / 'out'), {key: clip})


def test_the_command_ends_with_one_sentence_and_status_1(tmp_path, capsys):
  status, said, complaint = command(
    capsys,
    '--dataset=casiab',
    f'--input={tmp_path / "no"}',
    f'--output={tmp_path}',
  )
  assert status == 1 and not said
  assert complaint.startswith('error: expected a folder')
  assert complaint.count('\n') == 1
