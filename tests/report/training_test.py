"""Curves of training: a panel a quantity, and nothing twice."""

import importlib.util
import re

import finished_run
import numpy as np
import pytest

from selfgait_jax.configs import synthetic
from selfgait_jax.report import page, training, work_folder
from selfgait_jax.train import monitor

LOSS = [(1, 2.0), (2, 1.0)]


def drawn(curves, titles=None):
  """{title of a panel: number of its lines}."""
  arrays = {
    stage: {name: np.array(points, float) for name, points in series.items()}
    for stage, series in curves.items()
  }
  text = training.section(arrays, titles or {})
  figures = re.findall('<figcaption>(.*?)</figcaption>(.*?)</svg>', text)
  lines = {t: len(re.findall('"series', svg)) for t, svg in figures}
  assert len(lines) == len(figures)  # no panel twice
  return lines


def test_a_panel_has_all_stages():
  curves = {'pretrain': {'loss': LOSS}, 'finetune': {'loss': LOSS}}
  assert drawn(curves) == {'loss': 2}
  text = training.section({s: {'loss': np.array(LOSS)} for s in curves}, {})
  assert text.index('</i>pretrain') < text.index('</i>finetune')


def test_health_is_folded_and_losses_are_not():
  curves = {'train': {'spread': np.array(LOSS), 'loss': np.array(LOSS)}}
  before, after = training.section(curves, {}).split('<details>')
  assert '>loss<' in before and 'spread (0: collapsed)' in after


def test_a_loss_that_is_the_whole_loss_is_drawn_once():
  other = [(1, 5.0), (2, 4.0)]
  curves = {
    'pretrain': {'loss': LOSS, 'triplet_loss': LOSS},
    'train': {'loss': LOSS, 'triplet_loss': other},
  }
  assert drawn(curves) == {'loss': 2, 'triplet loss': 1}


def test_held_out_rank1_has_a_panel_a_group_and_none_twice():
  series = {'held_out/rank1': LOSS, 'held_out/nm/rank1': LOSS}
  series['held_out/cl/rank1'] = LOSS
  assert drawn({'train': series}, {'nm': 'NM#5-6'}) == {
    'held-out rank-1, NM#5-6 (%)': 1,
    'held-out rank-1, CL (%)': 1,
  }


def test_held_out_rank1_as_training_logs_it(tmp_path, monkeypatch):
  # Without TensorBoard, which takes seconds to import.
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  config = synthetic.get_config('smoke')
  config.log.held_out_every_steps, config.log.every_steps = 2, 10
  scores = {'rank1': 5.0, 'nm/rank1': 5.0, 'cl/rank1': 3.0}
  log = monitor.Monitor(
    config, 'pretrain', tmp_path / 'pretrain', 0, lambda *_: scores, None, None
  )
  log.after(2, None, {'clip_1': np.zeros((1, 1, 64, 64))}, {}, None)
  log.close()
  logged = work_folder.read(tmp_path).curves
  titles = [f'held-out rank-1, {group} (%)' for group in ('NM', 'CL')]
  assert drawn(logged) == dict.fromkeys(titles, 1)


@pytest.mark.parametrize('name', ['learning_rate', 'target_momentum'])
def test_settings_are_drawn_only_where_a_schedule_moves_them(name):
  moving = {'a': {name: [(0, 0.1), (9, 0.0)]}, 'b': {name: [(0, 1), (9, 1)]}}
  assert list(drawn(moving).values()) == [1]
  assert not drawn({'b': moving['b']})
  assert not drawn({'a': {'eta_seconds': LOSS}})


def test_a_long_curve_has_a_moving_average():
  points = np.array([(step, (-1) ** step) for step in range(500)], float)
  smooth = training._smoothed(points)
  assert np.abs(smooth[:, 1]).max() < 0.1
  assert drawn({'train': {'loss': points}}) == {'loss': 2}


def test_what_is_no_number_is_not_drawn(tmp_path):
  (tmp_path / 'train').mkdir()
  (tmp_path / 'train/metrics.jsonl').write_text(
    '{"step": 1, "loss": 0.5}\n{"step": 2, "loss": "x"}\n{"step": 3, "loss":'
    ' NaN}\n{"step": 4, "loss": null}\n[5]\n{"step": 6, "loss": Infinity}\n'
    '{"step": 7, "only": "words"}\n{"step": 8, "lo'
  )
  curves = work_folder.read(tmp_path).curves
  np.testing.assert_array_equal(curves['train']['loss'], [[1, 0.5]])
  assert list(curves) == ['train'] and list(curves['train']) == ['loss']
  assert '>loss<' in page.render(tmp_path)


def test_every_stage_of_a_run_is_in_the_legend(tmp_path):
  stages = ('pretrain', 'discover', 'finetune')
  finished_run.write_curves(tmp_path, dict.fromkeys(stages, {'loss': LOSS}))
  text = page.render(tmp_path)
  assert re.findall('</i>([a-z]+)</li>', text) == list(stages)
