"""The HTML report holds what it was given, and nothing from elsewhere."""

import importlib.util
import io
import json
import re

import numpy as np
import pytest
from matplotlib import image
from matplotlib.colors import to_rgb

from selfgait_jax import errors, protocols
from selfgait_jax.configs import synthetic
from selfgait_jax.evaluate import figures, report
from selfgait_jax.run import metrics
from selfgait_jax.train import monitor


def result(protocol='casiab', noise=0.0, seed=0):
  """An evaluation of random embeddings; view 090 has no nm probes."""
  rules = protocols.PROTOCOLS[protocol]
  conditions = [*rules.gallery, *sum(rules.probes.values(), ())]
  keys = np.array(
    [
      (s, c, v)
      for s in ('075', '076', '077')
      for c in conditions
      for v in ('000', '018', '090')
      if not (c in ('nm-05', 'nm-06') and v == '090')
    ]
  )
  rng = np.random.default_rng(seed)
  centres = rng.standard_normal((3, 2, 4))[
    np.unique(keys[:, 0], False, True)[1]
  ]
  embeddings = centres + noise * rng.standard_normal(centres.shape)
  return protocols.evaluate(protocol, embeddings, *keys.T)


def formulas():
  """Names that are mathtext, HTML, control characters or no UTF-8."""
  return ['a$_$b', '$x^{$', '<b>$a$</b>', 'a\nb', '\x1b[2J', '\ud800']


def everything():
  rows = {'GEI': result(noise=3), '<all> & labels': result(noise=1, seed=1)}
  main = rows['<all> & labels']
  results = {
    'protocol': main['protocol'],
    'metrics': main['metrics'],
    'counts': main['counts'] | {'frames': 4321},
    'baselines': {'gei': rows['GEI']['metrics']},
    'rows': {name: row['metrics'] for name, row in rows.items()},
    'data': {'name': 'synthetic_gait', 'fingerprint': '0123456789abcdef'},
    'config_hash': 'c0ffee',
    'seed': 17,
    'versions': {'jax': '9.8.7'},
    'device': '1 x <cpu>',
    'seconds': 12.5,
  }
  curves = {
    'pretrain': {
      'loss': [(step, 1 / (1 + step)) for step in range(200)],
      'effective_rank': [(0, 9.0), (20, float('nan')), (40, float('inf'))],
      'eta_seconds': [(0, 1.0)],
      'held_out/rank1': [(0, 10.0)],
      'held_out/nm/rank1': [(0, 10.0)],
    },
    'finetune': {},
  }
  clips = [('subject <075>', np.eye(64, dtype=np.uint8)[None] * 255)]
  return results, rows, curves, clips, json.dumps({'seed': 17})


def images_of(text):
  return re.findall(r'src="([^"]*)"', text)


def test_report_holds_everything_and_is_self_contained(tmp_path):
  results, rows, curves, clips, config = everything()
  report.write(tmp_path / 'a.html', results, rows, curves, clips, config)
  text = (tmp_path / 'a.html').read_text(encoding='utf-8')
  for words in (
    'synthetic_gait', 'casiab/1', 'Gallery nm-01 to nm-04', '4321 frames',
    '0123456789abcdef', 'c0ffee', '<dd>17</dd>', 'jax 9.8.7', '12.5 s',
    'NM#5-6', 'Training: pretrain', '&quot;seed&quot;: 17',
    f'{results["metrics"]["cl/rank1"]:.1f}',
  ):  # fmt: skip
    assert words in text, words
  assert 'Training: finetune' not in text  # has no curves

  for raw, escaped in (
    ('<all> & labels', '&lt;all&gt; &amp; labels'),
    ('<cpu>', '&lt;cpu&gt;'),
    ('<075>', '&lt;075&gt;'),
  ):
    assert escaped in text
    assert raw not in text

  pictures = images_of(text)
  # Heat maps, CMC, two of the one stage with curves, one clip.
  assert len(pictures) == 5
  assert all(p.startswith('data:image/png;base64,') for p in pictures)
  assert not re.search(r'https?:|<script|<link|url\(', text)


@pytest.mark.parametrize('lacking', ['rows', 'metrics', 'counts', 'protocol'])
def test_report_does_without_a_part(tmp_path, lacking):
  results = {k: v for k, v in everything()[0].items() if k != lacking}
  report.write(tmp_path / 'a.html', results)
  assert 'Rank-1' in (tmp_path / 'a.html').read_text()


@pytest.mark.parametrize('name', formulas())
def test_names_are_text_and_no_formulas(tmp_path, name):
  plain = report.html.escape(errors.printable(name))
  results = result() | {'data': {'name': name}, 'device': name}
  rows = {name: result(), f'{name} 2': result(noise=2)}
  curves = {'pretrain': {name: [(1, 2.0), (2, 3.0)]}}
  clips = [(name, np.eye(64, dtype=np.uint8)[None])]
  report.write(tmp_path / 'a.html', results, rows, curves, clips)
  text = (tmp_path / 'a.html').read_text(encoding='utf-8')
  assert text.count('<td class="name">' + plain + '<') == 1 + 3
  assert f'<figcaption>{plain}</figcaption>' in text
  assert len(images_of(text)) == 4


def test_a_dollar_is_drawn_as_it_is():
  one = {'cmc/cmc': [50.0] * 20}
  titles = {'cmc': 'CMC'}
  dollars = figures.cumulative_match({'$x$': one}, titles)
  italic = figures.cumulative_match({'x': one}, titles)
  widths = [
    np.flatnonzero(image.imread(io.BytesIO(png))[-40:, :, 0].min(0) < 1)
    for png in (dollars, italic)
  ]
  assert np.ptp(widths[0]) > np.ptp(widths[1]) + 10


def test_what_is_no_number_is_not_drawn():
  points = [(1, 0.5), (2, 'x'), (3, None), (4, 10**400), ('5', 1), (6, [1])]
  assert figures.curves({'loss': points}) == figures.curves(
    {'loss': [(1, 0.5)]}
  )
  assert figures.curves({'loss': points[1:]}) is None


def checks():
  """A held-out check of three groups, as the log of a stage has it."""
  scores = {'nm': 90.0, 'bg': 60.0, 'cl': 30.0}
  series = {'held_out/rank1': [(500, 90.0), (1000, 90.0)]}
  for group, value in scores.items():
    series[f'held_out/{group}/rank1'] = [(500, value), (1000, value)]
  return series


def test_held_out_rank1_has_a_line_a_group():
  pixels = image.imread(io.BytesIO(figures.held_out(checks(), {}, 'finetune')))
  colours = [to_rgb(colour) for colour in figures.COLOURS]
  rows = []
  for colour in colours[:3]:
    close = np.abs(pixels[..., :3] - colour).max(axis=2) < 0.02
    longest = close.sum(axis=1)
    rows.append(np.argmax(longest))
    assert longest.max() > pixels.shape[1] / 2  # over all the steps
  assert rows == sorted(rows)  # NM above BG above CL
  spacing = np.diff(rows)
  assert np.ptp(spacing) <= 2  # 30 points each
  # Nothing for `held_out/rank1`, which repeats the first group.
  assert not (np.abs(pixels[..., :3] - colours[3]).max(axis=2) < 0.02).any()


def test_held_out_rank1_as_training_logs_it(tmp_path, monkeypatch):
  # Without TensorBoard, which takes seconds to import.
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  config = synthetic.get_config('smoke')
  config.log.held_out_every_steps, config.log.every_steps = 2, 10
  scores = {'rank1': 5.0, 'nm/rank1': 5.0, 'cl/rank1': 3.0}
  log = monitor.Monitor(
    config, 'pretrain', tmp_path, 0, lambda *_: scores, None, None
  )
  log.after(2, None, {'clip_1': np.zeros((1, 1, 64, 64))}, {}, None)
  log.close()
  logged = metrics.read_curves(tmp_path)
  points = {'nm': [(2, 5.0)], 'cl': [(2, 3.0)]}
  written = {f'held_out/{g}/rank1': points[g] for g in points}
  drawn = figures.held_out(logged, {}, 'pretrain')
  assert drawn is not None
  assert drawn == figures.held_out(written, {}, 'pretrain')


def test_held_out_rank1_of_groups_without_a_number_is_not_drawn():
  none = {'held_out/nm/rank1': [(1, None)], 'held_out/rank1': [(1, 2.0)]}
  assert figures.held_out(none, {}, 'pretrain') is None
  one = {'held_out/cl/rank1': [(1, 5.0)]}
  assert figures.held_out(none | one, {}, 'pretrain') == figures.held_out(
    one, {}, 'pretrain'
  )


def test_held_out_rank1_is_drawn_once_and_only_where_it_was_checked(tmp_path):
  loss = {'loss': [(1, 2.0), (2, 1.0)]}
  curves = {'pretrain': loss, 'finetune': loss | checks(), 'train': checks()}
  report.write(tmp_path / 'a.html', {}, curves=curves)
  text = (tmp_path / 'a.html').read_text(encoding='utf-8')
  assert re.findall('alt="([^"]*)"', text) == [
    'pretrain', 'held-out rank-1 of finetune', 'finetune',
    'held-out rank-1 of train',
  ]  # fmt: skip
  # The other curves are those of a stage without checks.
  assert images_of(text)[0] == images_of(text)[2]


def test_frozen_classifiers_and_verification_are_named(tmp_path):
  row = result()
  row['metrics'] |= {'nm/frozen_linear': 87.5, 'nm/frozen_knn': 12.5}
  report.write(tmp_path / 'a.html', row, {'GEI': result(noise=2), 'ours': row})
  text = (tmp_path / 'a.html').read_text()
  lines = [re.findall('>([^<]+)<', line) for line in text.split('</tr>')]
  assert ['frozen linear classifier, top-1', '87.5', '-', '-'] in lines
  assert ['frozen kNN, top-1', '12.5', '-', '-'] in lines
  for column in ('EER', 'TAR at FAR 1 %', 'frozen kNN (top-1)'):
    assert f'>{column}</th>' in text
  assert text.count('<tr class="main">') == 1


def test_report_of_nothing(tmp_path):
  report.write(tmp_path / 'a.html', {})
  text = (tmp_path / 'a.html').read_text()
  assert text.endswith('</html>\n')
  assert not images_of(text)


@pytest.mark.parametrize(
  ('protocol', 'tables', 'pictures'),
  [
    ('oumvlp', 3, 2),
    ('casiab_cross_view', 3, 1),  # no cells of single view pairs
    ('ccpg', 2, 2),  # nothing by probe view
    ('grew', 2, 1),
  ],
)
def test_report_of_other_protocols(tmp_path, protocol, tables, pictures):
  report.write(tmp_path / 'a.html', result(protocol))
  text = (tmp_path / 'a.html').read_text()
  assert text.count('<table>') == tables
  assert len(images_of(text)) == pictures


def test_main_row_is_marked(tmp_path):
  results, rows, *_ = everything()
  report.write(tmp_path / 'a.html', results, rows)
  text = (tmp_path / 'a.html').read_text()
  marked = re.findall(r'<tr class="main"><td class="name">([^<]*)<', text)
  assert marked == ['&lt;all&gt; &amp; labels']


def test_film_strip_shows_the_frames_in_order():
  clip = np.zeros((20, 6, 4), np.uint8)
  clip[np.arange(20), 0, 0] = np.arange(20) * 10
  strip = image.imread(io.BytesIO(figures.film_strip(clip, frames=5)))
  assert strip.shape[:2] == (6, 5 * 4 + 4 * 2)
  np.testing.assert_allclose(
    255 * strip[0, ::6, 0], [0, 10, 20, 30, 40], atol=0.5
  )


def test_settings_are_drawn_only_where_a_schedule_moves_them():
  constant = {'learning_rate': [(0, 0.1), (9, 0.1)], 'eta_seconds': [(0, 5)]}
  assert figures.curves(constant) is None
  assert figures.curves({'learning_rate': [(0, 0.1), (9, 0.0)]})
