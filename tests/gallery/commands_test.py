"""The subcommands of galleries, from folders of PNG frames to names."""

import json
import subprocess
import sys

import fabricated
import numpy as np
import pytest
import small_run

import selfgait_jax
from selfgait_jax.cli import command

ODD = 'O\'Neil "<b>"\n赵'


@pytest.fixture(scope='module')
def folder(tmp_path_factory, walk):
  """Folders of known people: NAME/CONDITION/CLIP; and a blank clip."""
  root = tmp_path_factory.mktemp('clips')
  for subject in range(1, 5):
    for condition in ('nm-01', 'nm-02', 'cl-01'):
      for view in ('072', '090'):
        fabricated.write_pngs(
          root / 'known' / f'p{subject}' / condition / view,
          walk(subject, condition, view).frames,
        )
  np.save(root / 'blank.npy', np.zeros((30, 64, 64), np.uint8))
  return root


@pytest.fixture
def run(capsys, checkpoint):
  """(status, lines of output, last line of errors) of a subcommand."""

  def run(name, *arguments):
    if name not in ('people', 'forget'):
      arguments = [*arguments, f'--checkpoint={checkpoint}']
    status = command.main([name, *map(str, arguments)])
    said = capsys.readouterr()
    return status, said.out.splitlines(), said.err.strip().split('\n')[-1]

  return run


@pytest.fixture
def gallery(tmp_path, folder, run):
  """Three people, one of whom has an odd name."""
  path = tmp_path / 'people.gallery'
  for name, subject in (('anna', 'p1'), (ODD, 'p2'), ('cleo', 'p3')):
    status, lines, _ = run('enrol', path, name, folder / 'known' / subject)
    assert status == 0
    assert lines[-1].endswith('6 of 6 clips enrolled')
  return path


def records(lines):
  return [json.loads(line) for line in lines]


def test_from_folders_to_names(run, gallery, folder):
  status, lines, _ = run('search', gallery, folder / 'known/p2', '-k2')
  assert status == 0 and len(lines) == 1 + 6 * 2
  assert 'O\'Neil "<b>"\\n赵' in lines[1]
  assert '\n'.join(lines).count('0.0000') == 6

  status, lines, _ = run(
    'search', gallery, folder / 'known/p4', folder / 'blank.npy', '--json'
  )
  found = records(lines)
  assert status == 0 and len(found) == 7
  assert all(len(one['matches']) == 3 for one in found[:-1])
  assert found[-1]['verdict'] == 'refused' and found[-1]['matches'] == []
  match = found[0]['matches'][0]
  assert match['name'] in ('anna', ODD, 'cleo')
  assert match['probability'] is None and match['accepted'] is None


def test_who_is_there_and_who_is_forgotten(run, gallery):
  _, lines, _ = run('people', gallery, '--json')
  assert [one['name'] for one in records(lines)] == ['anna', ODD, 'cleo']
  assert records(lines)[0]['clips'] == 6
  _, lines, _ = run('people', gallery)
  assert lines[-1] == '3 people, 18 clips' and len(lines) == 5
  assert run('forget', gallery, ODD)[0] == 0
  status, _, complaint = run('forget', gallery, ODD)
  assert status == 1 and 'nobody with the name' in complaint
  _, lines, _ = run('forget', gallery, 'cleo', '--json')
  assert records(lines) == [{'name': 'cleo', 'clips': 6, 'erased': True}]
  assert run('people', gallery)[1][-1] == '1 people, 6 clips'
  assert b'cleo' not in gallery.read_bytes()


def test_enrolling_says_what_it_leaves_out(run, gallery, folder):
  known = folder / 'known/p4/nm-01'
  _, lines, _ = run(
    'enrol', gallery, 'dora', known, folder / 'blank.npy', '--json'
  )
  found = records(lines)
  assert [one['enrolled'] for one in found] == [True, True, False]
  assert found[2]['verdict'] == 'refused' and found[2]['reasons']
  status, lines, _ = run('enrol', gallery, 'emil', known)
  assert status == 0 and lines[-1] == 'emil: 0 of 2 clips enrolled'
  assert any('enrolled already, as dora' in line for line in lines)
  status, _, complaint = run('enrol', gallery, 'emil', folder / 'blank.npy')
  assert status == 1 and 'found only refused ones' in complaint


def test_calibrate_then_search_evaluate_and_compare(run, gallery, folder):
  pytest.importorskip('sklearn')
  known = folder / 'known'
  status, lines, complaint = run('calibrate', gallery, known)
  assert status == 1 and 'with 100 comparisons' in complaint
  status, lines, _ = run('calibrate', gallery, known, '--far=0.05')
  text = '\n'.join(lines)
  assert status == 0 and '24 clips of 4 people' in text
  assert 'cl and nm' in text and 'threshold: a distance of' in text
  status, lines, _ = run('evaluate', gallery, known, '--json', '--by=mean')
  [found] = records(lines)
  assert status == 0 and found['people'] == 4
  assert set(found['rates']) == {
    'eer', 'tar_far_0.01', 'tar_far_0.001', 'dir_far_0.01',
  }  # fmt: skip
  assert found['rates']['tar_far_0.01']['value'] is None
  assert [row['condition'] for row in found['probes']] == ['', 'cl', 'nm']

  _, lines, _ = run('search', gallery, known / 'p1', '--json')
  match = records(lines)[0]['matches'][0]
  assert 0 <= match['probability'] <= 1 and match['accepted'] is not None
  inputs = known / 'p1/nm-01', known / 'p2/nm-01'
  status, lines, _ = run('compare', *inputs, f'--gallery={gallery}', '--json')
  found = records(lines)
  assert status == 0 and len(found) == 4
  assert all(0 <= pair['probability'] <= 1 for pair in found)


def test_compare_without_a_gallery(run, folder):
  one = folder / 'known/p1/nm-01'
  status, lines, _ = run('compare', one, one)
  assert status == 0 and len(lines) == 5
  assert lines[1].split()[:3] == ['0.0000', '-', '-']
  status, _, complaint = run('compare', one, folder / 'blank.npy')
  assert status == 1 and 'found only refused ones' in complaint


def test_embed_writes_what_the_library_embeds(
  run, folder, tmp_path, checkpoint
):
  out = tmp_path / 'z.npz'
  inputs = folder / 'known/p1/nm-01', folder / 'blank.npy'
  status, lines, _ = run('embed', *inputs, f'--out={out}', '--json')
  assert status == 0
  assert [one['row'] for one in records(lines)] == [0, 1, None]
  clips = list(selfgait_jax.read_clips(inputs[0]))
  expected = selfgait_jax.load_embedder(str(checkpoint)).embed(
    [clip.frames for clip in clips]
  )
  with np.load(out) as found:
    np.testing.assert_allclose(found['embeddings'], expected, rtol=1e-5)
    assert list(found['sources']) == [clip.source for clip in clips]
    assert list(found['frames']) == [26, 26]
  assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
  ('arguments', 'words'),
  [
    (['search', 'NONE', 'CLIPS'], 'found nothing; enrol people first'),
    (['people', 'NONE'], 'found nothing; enrol people first'),
    (['forget', 'NONE', 'anna'], 'found nothing; enrol people first'),
    (['evaluate', 'NONE', 'CLIPS'], 'found nothing; enrol people first'),
    (['people', 'CLIPS'], 'found a folder'),
    (['enrol', 'CLIPS', 'anna', 'CLIPS'], 'found a folder'),
    (['enrol', 'NEW', '', 'CLIPS'], 'expected a name'),
    (['enrol', 'NEW', 'anna', 'NONE'], 'found nothing'),
    (['enrol', 'NEW', 'anna', 'BLANK'], 'found only refused ones'),
    (['calibrate', 'NEW', 'BLANK'], 'found nothing; enrol people first'),
    (['embed', 'CLIPS', '--out=NONE/z.npz'], 'expected --out'),
    (['embed', 'CLIPS', '--out=z.txt'], 'expected --out'),
    (['embed', 'BLANK', '--out=NEW.npz'], 'found only refused ones'),
  ],
)
def test_bad_input_is_one_sentence(run, folder, tmp_path, arguments, words):
  places = {
    'NONE': tmp_path / 'none',
    'NEW': tmp_path / 'new',
    'CLIPS': folder / 'known',
    'BLANK': folder / 'blank.npy',
  }
  for word, place in places.items():
    arguments = [a.replace(word, str(place)) for a in arguments]
  status, _, complaint = run(*arguments)
  assert status == 1
  assert complaint.startswith('error: expected') and words in complaint
  assert not (tmp_path / 'none').exists()


def test_listing_and_forgetting_need_no_jax(gallery):
  program = (
    'import sys; from selfgait_jax.cli import command\n'
    'status = command.main(sys.argv[1:])\n'
    'assert not {"jax", "tensorflow"} & set(sys.modules), "imported"\n'
    'sys.exit(status)'
  )
  for arguments in (['people', gallery], ['forget', gallery, 'anna']):
    done = subprocess.run(
      [sys.executable, '-c', program, *map(str, arguments)],
      cwd=small_run.ROOT,
      capture_output=True,
      text=True,
    )
    assert done.returncode == 0, done.stderr
