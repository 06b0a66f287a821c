"""A study trains every cell once, goes on where it stopped, and says what."""

import json

import pytest
import small_run

from selfgait_jax import errors, study
from selfgait_jax.configs import study_labels
from selfgait_jax.data import loading
from selfgait_jax.evaluate import label_worth
from selfgait_jax.settings import validate
from selfgait_jax.train import loop


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
  """(config, work folder, results) of three arms with 0 and 2 labels."""
  workdir = tmp_path_factory.mktemp('study')
  config = study_labels.get_config('smoke')
  people = small_run.write_people(workdir / 'all.npz', noise=0.05)
  config.data.packed_file, config.data.loader = str(people), 'array'
  config.study.draws = 1
  config.study.arms = 'scratch', 'synchronised', 'synchronised_mixed'
  config.discover.steps, config.discover.relabel_at = 2, ()
  for stage in (config.discover, config.train):
    stage.learning_rate, stage.warmup_steps = 0.03, 0
  validate.check(config)
  return config, workdir, study.run(config, workdir, loading.loader(config))


@pytest.mark.slow
def test_cells(finished):
  _, workdir, results = finished
  cells = results['study']
  assert [(c['arm'], c['labelled']) for c in cells] == [
    ('scratch', 0),
    ('scratch', 2),
    ('synchronised', 0),
    ('synchronised', 2),
    ('synchronised_mixed', 2),  # with 0 labels there is nothing to mix
  ]
  ranks = [tuple(c['metrics'].values()) for c in cells]
  assert len(set(ranks)) > 1 and all(0 <= r <= 100 for r in ranks[0])
  assert json.loads((workdir / 'results.json').read_text())['study'] == cells
  report = (workdir / 'report.html').read_text()
  assert 'What labels are worth' in report
  assert 'synchronised, 2 labelled subjects' in report
  for arm in ('synchronised', 'synchronised_mixed'):
    subset = workdir / f'draw-0/{arm}-2/train/subset.json'
    subset = json.loads(subset.read_text())
    assert len(subset['labelled']['chosen']) == 2
    assert ('pseudo_identities' in subset) == arm.endswith('mixed')


@pytest.mark.slow
def test_it_goes_on_where_it_stopped(finished, monkeypatch):
  config, workdir, results = finished
  trained = []
  monkeypatch.setattr(loop, 'train', lambda *given: trained.append(given))
  again = study.run(config, workdir, loading.loader(config))
  assert again['study'] == results['study'] and not trained


@pytest.mark.slow
def test_other_settings_are_refused(finished):
  """Its stages are finished, and would be scored as if they were new."""
  config, workdir, _ = finished
  config = config.copy_and_resolve_references()
  config.train.learning_rate = 0.1
  with pytest.raises(errors.UserError, match='expected cells of config .*;'):
    study.run(config, workdir, loading.loader(config))


@pytest.mark.slow
def test_too_many_labels_are_a_sentence(finished, tmp_path):
  config = finished[0].copy_and_resolve_references()
  config.study.labelled_subjects = (0, 5)
  with pytest.raises(errors.UserError, match='at most 4 labelled .* found 5;'):
    study.run(config, tmp_path, loading.loader(config))


@pytest.mark.parametrize('recipe', ['casiab', 'walkers', 'smoke'])
def test_recipes(recipe):
  validate.check(study_labels.get_config(recipe))


@pytest.mark.parametrize(
  'change', [{'arms': ()}, {'arms': ('byol',)}, {'draws': 0}]
)
def test_settings_are_checked(change):
  config = study_labels.get_config('smoke')
  with config.ignore_type():
    config.study.update(change)
  with pytest.raises(errors.UserError, match='study'):
    validate.check(config)


def test_spread():
  cells = [
    {'arm': 'scratch', 'labelled': n, 'metrics': {'nm/rank1': value}}
    for n, value in ((2, 10.0), (2, 14.0), (0, 5.0))
  ]
  found = label_worth.spread(cells, 'nm')
  assert found == {'scratch': {0: (5, 0), 2: (12, pytest.approx(8**0.5))}}
  header, body = label_worth.cells_of(cells)
  assert header == ['rank-1 (%)', 'NM']
  assert body[1] == ['scratch, 2 labelled subjects', '12.0 ± 2.8']
