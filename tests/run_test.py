"""The command line from data to report, with TensorFlow and without it."""

import json
import re

import pytest
import small_run

STAGES = ('pretrain', 'discover', 'finetune')
RESULTS = {
  'protocol', 'metrics', 'counts', 'baselines', 'data', 'config_hash', 'seed',
  'versions', 'device', 'seconds',
}  # fmt: skip


@pytest.fixture(scope='module')
def rendered(tmp_path_factory):
  """(arguments, work folder) of the embedded default at its smallest size."""
  root = tmp_path_factory.mktemp('rendered')
  arguments = [
    '--config=configs/synthetic.py:smoke',
    f'--config.data_dir={root}/data',
    f'--workdir={root}/run',
    f'--config.stages={",".join(STAGES)},evaluate',
  ]
  small_run.run(arguments, tensorflow=True)
  return arguments, root / 'run'


@pytest.fixture(scope='module')
def packed(packed_file, tmp_path_factory):
  """The same with a packed file and without TensorFlow, only pretraining.

  The frames stay on the devices; frozen classifiers are trained.
  """
  workdir = tmp_path_factory.mktemp('packed')
  arguments = small_run.overrides(
    packed_file, workdir, 'stages=pretrain,evaluate', 'data.loader=device',
    'eval.linear_probe=True',
  )  # fmt: skip
  return arguments, workdir, small_run.run(arguments)


def test_a_run_writes_all_it_promises(rendered):
  _, workdir = rendered
  for name in ('config.json', 'results.json', 'report.html', 'figures.npz'):
    assert (workdir / name).stat().st_size > 1000, name
  for stage in STAGES:
    folder = workdir / stage
    assert (folder / 'checkpoints/4').is_dir()
    assert list(folder.glob('events.out.tfevents.*'))
    assert 'Total' in (folder / 'parameters.txt').read_text()
    lines = (folder / 'metrics.jsonl').read_text().splitlines()
    assert [json.loads(line)['step'] for line in lines] == [1, 2, 3, 4]
    assert {'loss', 'spread', 'effective_rank'} <= set(json.loads(lines[0]))
    subset = json.loads((folder / 'subset.json').read_text())
    kind = 'unlabelled' if stage in STAGES[:2] else 'labelled'
    assert len(subset[kind]['chosen']) == 4
  report = (workdir / 'report.html').read_text()
  assert 'label-free pretraining (strict)' in report
  assert 'Pseudo-identities: discover' in report and 'src="http' not in report
  for section in ('map', 'confusions', 'contributions', 'clips', 'training'):
    assert f'<section id="{section}">' in report, section


def test_results_hold_what_they_promise(rendered):
  results = _results(rendered[1])
  assert set(results) >= RESULTS
  assert results['protocol'] == 'casiab/1'
  assert {'gei', 'gei_by_camera', 'random_init'} <= set(results['baselines'])
  names = {f'{c}/{s}' for c in ('nm', 'bg', 'cl') for s in ('rank1', 'mAP')}
  names |= {'nm/rank1_all_views', 'nm/rank1_per_view'}
  names |= {f'{c}/{s}' for c in ('nm', 'cl') for s in ('eer', 'tar_far_0.01')}
  for metrics in (results['metrics'], *results['baselines'].values()):
    assert names <= set(metrics)
    assert 0 <= metrics['nm/rank1'] <= 100
    assert len(metrics['nm/rank1_per_view']) == 11
    assert 0 <= metrics['nm/eer'] <= 100
  assert (
    results['metrics'] == results['rows']['all labels, pretrained (strict)']
  )
  rounds = results['discovery']['discover']
  assert [found['step'] for found in rounds] == [0, 2]
  assert all(0 <= found['precision'] <= 1 for found in rounds)
  counts = results['counts']
  assert counts['subjects'] == 3 and counts['sequences'] == 330
  assert counts['frames'] == 330 * 8
  assert {'probes', 'refused'} <= set(counts)
  assert results['data']['fingerprint'] and results['seed'] == 0
  assert {'jax', 'selfgait_jax'} <= set(results['versions'])


@pytest.mark.slow
def test_stages_with_few_labels(packed_file, tmp_path):
  few = 'few_scratch', 'few_pretrained'
  stages = ','.join(('pretrain', *few))
  small_run.run(small_run.overrides(packed_file, tmp_path, f'stages={stages}'))
  for stage in few:
    assert (tmp_path / stage / 'checkpoints/4').is_dir()
    subset = json.loads((tmp_path / stage / 'subset.json').read_text())
    assert len(subset['labelled']['chosen']) == 2


@pytest.mark.slow
def test_second_call_passes_over_what_is_finished(rendered):
  arguments, workdir = rendered
  before = _results(workdir)
  (workdir / 'report.html').unlink()
  with open(workdir / 'finetune/metrics.jsonl', 'a') as lines:
    lines.write('[5]\n{"loss": 1}\n')  # damage must not cost the report
  labels = workdir / 'discover/labels/2.npz'
  whole = labels.read_bytes()
  labels.write_bytes(b'damaged')
  words = small_run.run(arguments, tensorflow=True)
  for stage in STAGES:
    assert f'{stage}: finished before' in words
  assert 'no audit of discover' in words
  labels.write_bytes(whole)
  after = _results(workdir)
  assert after['discovery'] == {}
  for run in (before, after):
    del run['seconds'], run['discovery']
  assert before == after
  assert '</i>pretrain</li>' in (workdir / 'report.html').read_text()


@pytest.mark.slow
def test_trains_and_evaluates_without_tensorflow(packed):
  _, workdir, words = packed
  assert 'label-free pretraining' in words
  assert not list(workdir.rglob('events.out*'))
  assert len((workdir / 'pretrain/metrics.jsonl').read_text().splitlines()) == 4
  results = _results(workdir)
  assert set(results) >= RESULTS
  assert 'label-free pretraining (strict)' in results['rows']
  assert (workdir / 'report.html').exists()


@pytest.mark.slow
def test_frozen_classifiers_have_rows_of_their_own(packed):
  _, workdir, words = packed
  metrics = _results(workdir)['rows']['label-free pretraining (strict)']
  report = (workdir / 'report.html').read_text()
  for key, title in (
    ('frozen_linear', 'frozen linear classifier, top-1'),
    ('frozen_knn', 'frozen kNN, top-1'),
  ):
    shares = [metrics[f'{group}/{key}'] for group in ('nm', 'bg', 'cl')]
    line = ' | '.join(f'{share:.1f}' for share in shares)
    assert f'| {title} | {line} |' in re.sub(' +', ' ', words)
    assert f'>{title}<' in report


@pytest.mark.slow
def test_checkpoint_is_evaluated_in_another_folder(
  packed, packed_file, tmp_path
):
  _, trained, _ = packed
  checkpoint = trained / 'pretrain/checkpoints/4'
  small_run.run(
    small_run.overrides(
      packed_file,
      tmp_path,
      'stages=evaluate',
      f'init_from={checkpoint}',
      'eval.linear_probe=True',
    )  # fmt: skip
  )
  found, expected = _results(tmp_path), _results(trained)
  assert found['metrics'] == expected['metrics']
  assert not (tmp_path / 'pretrain').exists()


def _results(workdir):
  return json.loads((workdir / 'results.json').read_text())
