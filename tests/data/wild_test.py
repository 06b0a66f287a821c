"""Data sets recorded in the wild, from a tree of their naming to a score."""

import json
import runpy
import sys

import fabricated
import numpy as np
import pytest
import small_run

from selfgait_jax import errors, protocols
from selfgait_jax.configs import default, gait3d, grew
from selfgait_jax.data import datasets, loading, partitions, splits
from selfgait_jax.data.prepare import preparation, summaries, trees
from selfgait_jax.evaluate import grew_submission, scores

SCRIPT = str(small_run.ROOT / 'scripts' / 'prepare_silhouettes.py')
TINY = (
  'stages=train,evaluate data.loader=array model.widths=(4,) model.bins=(1,) '
  'model.use_motion=False model.embedding_dim=4 model.projector_hidden=4 '
  'model.projector_dim=4 train.steps=2 train.frames=4 train.batch_subjects=4 '
  'train.batch_sequences=2 eval.rerank=True'
)
OWN = {
  'gait3d': ['data.partition_file={root}/Gait3D.json'],
  'grew': ['eval.report=False'],
}


def prepare_and_pack(root, option, keys):
  """Runs the script over a pickle tree of `keys`; returns its clips."""
  clips = fabricated.pickle_tree(root / 'in', keys)
  arguments = f'--dataset={option}', f'--input={root}/in', '--workers=1'
  places = f'--output={root}/out', f'--pack={root}/packed.npz'
  with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
    patch.setattr(sys, 'argv', [SCRIPT, *arguments, *places])
    runpy.run_path(SCRIPT, run_name='__main__')
  assert end.value.code == 0
  return clips


@pytest.fixture(scope='module')
def gait3d_root(tmp_path_factory):
  root = tmp_path_factory.mktemp('gait3d')
  prepare_and_pack(root, 'gait3d', fabricated.gait3d_keys())
  write_partition(root, {}, 'Gait3D.json')
  return root


@pytest.fixture(scope='module')
def grew_tree(tmp_path_factory):
  root = tmp_path_factory.mktemp('grew')
  return root, prepare_and_pack(root, 'grew', fabricated.grew_keys())


@pytest.fixture(scope='module')
def finished(gait3d_root, grew_tree):
  """{data set: (work folder, what the run said)}, both run at one time."""
  roots = {'gait3d': gait3d_root, 'grew': grew_tree[0]}
  started = {
    name: small_run.start(
      [
        f'--config=configs/{name}.py',
        f'--workdir={root}/run',
        f'--config.data.packed_file={root}/packed.npz',
        *(
          f'--config.{s.format(root=root)}' for s in (*TINY.split(), *OWN[name])
        ),
      ]
    )
    for name, root in roots.items()
  }
  done = {name: small_run.finish(run) for name, run in started.items()}
  assert not any(status for status, _ in done.values()), done
  return {name: (root / 'run', done[name][1]) for name, root in roots.items()}


def write_partition(root, change, name='changed.json'):
  content = fabricated.gait3d_partition() | change
  (root / name).write_text(json.dumps(content))
  return str(root / name)


def config_for(root, recipe, **data):
  config = recipe.get_config()
  config.data_dir = str(root / 'out')
  config.data.update(data)
  return config


def load(config, side):
  found = loading.load(config, splits.subjects(config, side))
  return splits.cut(found, config, side)


def names(data):
  columns = data.subjects, data.conditions, data.views
  return list(zip(*(column.tolist() for column in columns), strict=True))


def score(config, data):
  """With embeddings that tell nothing but subjects apart."""
  embeddings = np.repeat(data.labels[:, None, None], 3, 2).astype(float)
  return protocols.evaluate(
    config.eval.protocol, embeddings,
    data.subjects, data.conditions, data.views, **scores.probe_lists(config),
  )  # fmt: skip


def test_gait3d_from_tree_to_score(gait3d_root):
  file = str(gait3d_root / 'Gait3D.json')
  config = config_for(gait3d_root, gait3d, partition_file=file)
  train, test = load(config, 'train'), load(config, 'test')
  keys = fabricated.gait3d_keys()
  assert (names(train), names(test)) == (sorted(keys[:12]), sorted(keys[12:]))
  result = score(config, test)
  for name in ('rank1', 'rank5', 'rank10', 'mAP', 'mINP'):
    assert result['metrics'][f'all/{name}'] == 100
  assert 'views' not in result['metrics']
  assert (result['counts']['probes'], result['counts']['gallery']) == (4, 8)
  summary = summaries.read(gait3d_root / 'out/gait3d')
  assert summary['expected'] == {'subjects': 4000, 'sequences': None}
  assert 'over 25,000' in summaries.describe(summary)[-1]


@pytest.mark.parametrize(
  ('change', 'words'),
  [
    ({'TRAIN_SET': ['0000', '1234', '2000']}, '7 .* 2 missing .*1234, 2000'),
    ({'TEST_SET': ['0002', '0007', '0011', '3065']}, r'1 missing .*\(3065\)'),
    ({'PROBE_SET': ['0002-camid4_videoid3-seq9']}, '1 missing .*0002-camid4'),
    ({'PROBE_SET': ['0000-camid0_videoid2-seq0']}, 'among those of the test'),
    ({'GALLERY_SET': ['0002-camid4_videoid3-seq9']}, 'of GALLERY_SET'),
  ],
)
def test_partition_that_is_not_on_the_disk(gait3d_root, change, words):
  file = write_partition(gait3d_root, change)
  config = config_for(gait3d_root, gait3d, partition_file=file)
  # Known when the training side is read, before a step is made.
  with pytest.raises(errors.UserError, match=words):
    load(config, 'train')


def test_protocol_without_its_probe_list(gait3d_root):
  file = write_partition(gait3d_root, {'PROBE_SET': None})
  config = config_for(gait3d_root, gait3d, partition_file=file)
  with pytest.raises(errors.UserError, match='expected a PROBE_SET for gait3d'):
    scores.probe_lists(config)


def test_excluded_subjects_need_not_be_there(gait3d_root):
  file = write_partition(gait3d_root, {'TRAIN_SET': ['0000', '0001', '0005']})
  config = config_for(gait3d_root, gait3d, partition_file=file)
  config.data.exclude_subjects = '0001, 0005'
  assert set(load(config, 'train').subjects) == {'0000'}


def test_grew_from_tree_to_score(grew_tree):
  root, clips = grew_tree
  config = config_for(root, grew)
  train, test = load(config, 'train'), load(config, 'test')
  keys = fabricated.grew_keys()
  assert names(train) == sorted(keys[:12])
  for row, (subject, condition, view) in enumerate(names(test)):
    if subject != 'probe':
      # Numbered by name: the tree has it the other way round.
      assert condition == ('01' if view.startswith('79X') else '02')
      condition = '02' if condition == '01' else '01'
    np.testing.assert_array_equal(test[row], clips[subject, condition, view])
  result = score(config, test)
  assert [result['metrics'][f'all/rank{k}'] for k in (1, 5, 20)] == [100] * 3
  assert result['counts'] == {
    'subjects': 3, 'sequences': 11, 'gallery': 3, 'probes': 3, 'unused': 5,
    'all/probes': 3, 'all/gallery': 3, 'all/probes_without_mate': 0,
  }  # fmt: skip


def test_grew_as_downloaded_is_the_same(grew_tree, tmp_path):
  root, clips = grew_tree
  for (subject, _, view), clip in clips.items():
    place = tmp_path / 'in' / 'test' / 'gallery' / subject / view
    if subject.endswith('train'):
      place = tmp_path / 'in' / 'train' / subject.removesuffix('train') / view
    elif subject == 'probe':
      place = tmp_path / 'in' / 'test' / 'probe' / view
    fabricated.write_pngs(place, clip)
  (tmp_path / 'in' / 'distractor').mkdir()
  source = trees.open_tree(datasets.GREW, tmp_path / 'in')
  assert source.aligned and source.format == 'png'
  found = {
    (subject, sequence.condition, sequence.view): sequence.frames
    for subject in source.subjects()
    for sequence in source.sequences(subject)
  }
  expected = loading.load(config_for(root, grew))
  assert sorted(found) == names(expected)
  for row, key in enumerate(names(expected)):
    np.testing.assert_array_equal(found[key], expected[row])


def test_grew_without_probes_says_so_and_runs(grew_tree, tmp_path, monkeypatch):
  said = []
  monkeypatch.setattr(
    partitions.logging,
    'log_first_n',
    lambda level, words, *_: said.append(words),
  )
  config = config_for(grew_tree[0], grew)
  keys = fabricated.grew_keys()
  partitions.check(config, keys)
  assert not said
  partitions.check(config, keys[:-5])
  assert len(said) == 1 and 'GREW_submission.csv' in said[0]
  test = load(config, 'test')
  test = test.select(np.flatnonzero(test.subjects != 'probe'))
  grew_submission.write(config, tmp_path, np.zeros((len(test), 1, 1)), test)
  assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize('name', ['gait3d', 'grew'])
def test_a_run_from_a_packed_file_ends_in_results(finished, name):
  workdir, said = finished[name]
  results = json.loads((workdir / 'results.json').read_text())
  assert results['protocol'] == f'{name}/1+rerank'
  assert {'all/rank1', 'all/rank20', 'all/mAP', 'all/mINP'} <= set(
    results['metrics']
  )
  assert results['counts']['probes'] == {'gait3d': 4, 'grew': 3}[name]
  assert 'holds only' in said  # ranks above the gallery's size mean nothing
  assert '| rank1 | rank5 | rank10 | rank20 |' in said
  assert (workdir / 'report.html').exists() == (name == 'gait3d')
  file = workdir / 'GREW_submission.csv'
  assert file.exists() == (name == 'grew')
  if name == 'grew':
    lines = file.read_text().splitlines()
    assert lines[0].startswith('videoId,rank1,rank2,') and len(lines) == 6
    assert {row.split(',')[0] for row in lines[1:]} == {
      f'etaGVn{n}' for n in range(5)
    }


def test_sustech1k_takes_the_silhouettes_among_its_pickles(tmp_path):
  keys = [
    (subject, condition, view)
    for subject in ('0000', '0001', '0002')
    for condition in ('00-nm', '01-nm', '01-cl-nt')
    for view in ('000', '090-near')
  ]
  for number, key in enumerate(keys):
    folder = tmp_path / 'in' / '/'.join(key)
    fabricated.write_pickle(folder, np.zeros((2, 3, 64, 64), np.uint8))
    (folder / f'{key[2]}.pkl').rename(folder / f'00-{key[2]}-LiDAR-PCDs.pkl')
    for place in range(1, 16):
      clip = fabricated.silhouettes(3, seed=number if place == 6 else 99)
      path = fabricated.write_pickle(folder, clip)
      path.rename(folder / f'{place:02d}-{key[2]}-Camera-Sils.pkl')
  source = trees.open_tree(datasets.SUSTECH1K, tmp_path / 'in')
  preparation.prepare(source, tmp_path / 'out', 1)
  partition = {'TRAIN_SET': ['0000'], 'TEST_SET': ['0001', '0002']}
  (tmp_path / 'SUSTech1K.json').write_text(json.dumps(partition))
  config = config_for(
    tmp_path, default, name='sustech1k',
    partition_file=str(tmp_path / 'SUSTech1K.json'),
  )  # fmt: skip
  config.eval.protocol = 'sustech1k'
  test = load(config, 'test')
  assert names(test) == sorted(keys[6:])
  for row, key in enumerate(names(test)):
    expected = fabricated.silhouettes(3, seed=keys.index(key))
    np.testing.assert_array_equal(test[row], expected)
  metrics = score(config, test)['metrics']
  groups = {key.split('/')[0] for key in metrics if key.endswith('/rank1')}
  assert groups == {'normal', 'clothing', 'night', 'overall'}
  assert all(metrics[f'{group}/rank1'] == 100 for group in groups)


def test_ccpg_from_tree_to_score(tmp_path):
  keys = [
    (subject, condition, view)
    for subject in ('001', '100', '199')
    for condition in ('U0_D0', 'U0_D0_BG', 'U1_D0', 'U1_D1', 'U0_D3', 'U3_D3')
    for view in ('01_0', '07_1')
  ]
  clips = fabricated.pickle_tree(tmp_path / 'in', keys)
  for key in keys:
    folder = tmp_path / 'in' / '/'.join(key)
    first = folder / f'{key[2]}-aligned-sils.pkl'
    (folder / f'{key[2]}.pkl').rename(first)
    for other in ('ratios', 'rgbs', 'sils'):
      (folder / f'{key[2]}-{other}.pkl').write_bytes(b'')
  source = trees.open_tree(datasets.CCPG, tmp_path / 'in')
  summary = preparation.prepare(source, tmp_path / 'out', 1)
  assert summary['refused_count'] == 0
  config = config_for(tmp_path, default, name='ccpg')
  config.eval.protocol = 'ccpg'
  test = load(config, 'test')
  assert names(test) == sorted(keys[12:])
  np.testing.assert_array_equal(test[0], clips[names(test)[0]])
  result = score(config, test)
  assert result['metrics']['views'] == ['camera 01', 'camera 07']
  for group in ('cl', 'up', 'dn', 'bg'):
    assert result['metrics'][f'{group}/rank1'] == 100
