"""The page holds what the work folder holds, and nothing from elsewhere."""

import contextlib
import json
import re

import finished_run
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfgait_jax import errors
from selfgait_jax.report import page
from selfgait_jax.run import picture_data

SECTIONS = [
  'rows', 'views', 'matching', 'map', 'confusions', 'contributions', 'clips',
  'training', 'provenance',
]  # fmt: skip


@pytest.fixture(scope='module')
def workdir(tmp_path_factory):
  return finished_run.write(tmp_path_factory.mktemp('run'))


def sections(text):
  return re.findall('<section id="([^"]*)"', text)


def formulas():
  """Names that are mathtext, HTML, control characters or no UTF-8."""
  return ['a$_$b', '<b>$a$</b>', '"><script>', 'a\nb', '\x1b[2J', '\ud800']


def test_the_page_holds_everything_in_order(workdir):
  text = page.render(workdir)
  assert sections(text) == SECTIONS
  found = finished_run.results()
  for words in (
    'synthetic_gait', 'casiab/1', 'Gallery nm-01 to nm-04', '4321 frames',
    finished_run.FINGERPRINT, finished_run.HASH, '<dd>17</dd>', 'jax 9.8.7',
    '12.5 s', 'NM#5-6', '&quot;seed&quot;: 17', 'DET', 'Reliability', 't-SNE',
    f'{found["metrics"]["cl/rank1"]:.1f}', 'effective rank',
  ):  # fmt: skip
    assert words in text, words
  assert '&lt;all&gt; &amp; labels' in text and '<all>' not in text
  assert text.endswith('</html>\n')


def test_the_page_needs_no_network_and_runs_nothing(workdir):
  text = page.render(workdir)
  assert not re.search(r'https?:|<script|<link|url\(|@import|<iframe', text)
  sources = re.findall('src="([^"]*)"', text)
  assert sources and all(
    s.startswith('data:image/png;base64,') for s in sources
  )
  assert "default-src 'none'" in text


def test_every_link_leads_to_a_section(workdir):
  text = page.render(workdir)
  assert re.findall('href="#([^"]*)"', text) == SECTIONS


def test_pictures_follow_the_page_into_the_dark(workdir):
  text = page.render(workdir)
  assert 'prefers-color-scheme:dark' in text
  used = set(re.findall(r'var\((--[a-z0-9]+)[,)]', text))
  for scheme in re.findall(r':root\{([^}]*)\}', text):
    assert used - {'--c'} <= set(re.findall('(--[a-z0-9]+):', scheme))


@pytest.mark.parametrize('name', formulas())
def test_names_are_text(tmp_path, name):
  plain = page.blocks.text(name)
  rows = {'floor': finished_run.result(noise=2), name: finished_run.result()}
  found = finished_run.results(rows) | {'device': name}
  found['data']['name'] = name
  drawn = finished_run.pictures()
  safe = name.encode('utf-8', 'replace').decode()
  drawn['map/subjects'] = np.array([safe] * 11 + ['b'])
  drawn['confusions/names'][:] = safe
  drawn['titles'] = np.array([safe] * 3)
  curves = {'pretrain': {name: [(1, 2.0), (2, 3.0)]}}
  text = page.render(finished_run.write(tmp_path / 'run', found, drawn, curves))
  assert f'<td class="name">{plain}<' in text
  assert '<b>$a$' not in text and '<script' not in text and '\x1b' not in text


@pytest.mark.parametrize(
  'lacking', ['rows', 'metrics', 'counts', 'protocol', 'baselines', 'data']
)
def test_the_page_does_without_a_part(tmp_path, lacking):
  found = finished_run.results()
  del found[lacking]
  text = page.render(finished_run.write(tmp_path / 'run', found))
  assert 'training' in sections(text)


@pytest.mark.parametrize('section', ['distance', 'reliability', 'map', 'parts'])
def test_the_page_does_without_a_picture(tmp_path, section):
  drawn = finished_run.pictures()
  drawn = {k: v for k, v in drawn.items() if not k.startswith(f'{section}/')}
  text = page.render(finished_run.write(tmp_path / 'run', drawn=drawn))
  assert set(SECTIONS) - set(sections(text)) <= {section}


def test_a_run_that_was_not_evaluated_shows_its_training(tmp_path):
  finished_run.write_curves(tmp_path, finished_run.CURVES)
  text = page.render(tmp_path)
  assert sections(text) == ['training']
  assert 'was not evaluated' in text


@pytest.mark.parametrize('content', [None, b'{"rows"', b'[]', b'[' * 10**5])
def test_nothing_to_show_is_a_sentence(tmp_path, content):
  if content:
    (tmp_path / 'results.json').write_bytes(content)
  with pytest.raises(errors.UserError, match=r'expected .*, found .*; give'):
    page.render(tmp_path)


@pytest.mark.parametrize(
  ('name', 'content', 'words'),
  [
    ('results.json', b'{"rows"', 'results.json is damaged'),
    ('config.json', b'\xff', 'config.json is damaged'),
    ('config.json', b'[1]', 'config.json has another form'),
    ('figures.npz', b'PK', 'figures.npz, found a damaged file'),
    ('figures.npz', b'', 'figures.npz, found a damaged file'),
  ],
)
def test_a_damaged_file_costs_only_its_sections(tmp_path, name, content, words):
  workdir = finished_run.write(tmp_path / 'run')
  (workdir / name).write_bytes(content)
  text = page.render(workdir)
  assert words in text
  assert 'training' in sections(text)


def test_pictures_of_another_evaluation_are_left_out(tmp_path):
  drawn = finished_run.pictures() | {'run': np.array('of long ago')}
  text = page.render(finished_run.write(tmp_path / 'run', drawn=drawn))
  assert 'of another evaluation' in text
  assert 'map' not in sections(text)


def test_real_people_are_shown_only_if_asked_for(tmp_path):
  workdir = finished_run.write(tmp_path / 'run', drawn=finished_run.pictures(1))
  hidden = page.render(workdir)
  assert '<img' not in hidden and 'clips' not in sections(hidden)
  assert 'confusions' in sections(hidden)
  shown = page.render(workdir, show_people=True)
  assert sections(shown) == SECTIONS
  assert shown.count('<img') == 12 * 3 + 12


def test_frames_that_were_not_kept_cannot_be_shown(tmp_path):
  drawn = finished_run.pictures(1)
  drawn = {k: v for k, v in drawn.items() if not k.endswith('/frames')}
  workdir = finished_run.write(tmp_path / 'run', drawn=drawn)
  assert '<img' not in page.render(workdir)
  with pytest.raises(errors.UserError, match='config.eval.show_people=True'):
    page.render(workdir, show_people=True)


def test_a_large_page_stays_below_two_megabytes(tmp_path):
  one = finished_run.result('sustech1k', noise=1)
  rows = {f'network {i}, with a long name': one for i in range(12)}
  groups = [key for key in finished_run.protocols.PROTOCOLS['sustech1k'].probes]
  points = [(step, step % 7 + 1 / (step + 1)) for step in range(3000)]
  names = [f'quantity {i}' for i in range(25)]
  curves = {
    stage: dict.fromkeys(names, points)
    for stage in ('pretrain', 'discover', 'train', 'finetune')
  }
  drawn = finished_run.pictures(groups=groups)
  rng = np.random.default_rng(0)
  drawn |= {
    'map/pca': rng.random((600, 2)),
    'map/tsne': rng.random((600, 2)),
    'map/subjects': np.arange(600).astype(str),
    'map/views': np.arange(600).astype(str),
    'map/conditions': np.arange(600).astype(str),
    'clips/frames': rng.integers(0, 2, (12, 12, 64, 44)).astype(np.uint8) * 255,
  }
  workdir = finished_run.write(
    tmp_path / 'run', finished_run.results(rows), drawn, curves
  )
  page.write(workdir)
  assert 200_000 < (workdir / page.FILE).stat().st_size < 2_000_000


@pytest.mark.parametrize(
  ('protocol', 'maps'),
  [
    ('oumvlp', 1),
    ('casiab_cross_view', 0),  # no cells of single view pairs
    ('ccpg', 4),
    ('grew', 0),
  ],
)
def test_other_protocols(tmp_path, protocol, maps):
  found = finished_run.results({'ours': finished_run.result(protocol)})
  text = page.render(finished_run.write(tmp_path / 'run', found, drawn={}))
  assert text.count('rank-1 by view pair') == maps
  assert 'finds the right person' in text


def test_wide_tables_say_that_they_scroll(workdir):
  text = page.render(workdir)
  tables = re.findall('<div class="scroll ?(w[0-9]+)?"', text)
  assert len(tables) == 3
  for width in filter(None, tables):
    assert f'.{width}::before{{display:block}}' in text
  wide = max(int(width[1:]) for width in tables if width)
  assert wide > 800


values = st.recursive(
  st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
  lambda inner: (
    st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=3), inner, max_size=3)
  ),
  max_leaves=4,
)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_results_of_any_other_form_never_break_the_page(
  data, tmp_path_factory, workdir
):
  found = finished_run.results() | {
    'study': [
      {'draw': 0, 'arm': 'a', 'labelled': 2, 'metrics': {'nm/rank1': 1}}
    ],
    'discovery': {'discover': [{'step': 1, 'precision': 0.5}]},
    'origins': {'<all> & labels': {'objective': 'clusters'}},
  }
  place = found
  for _ in range(data.draw(st.integers(1, 3))):
    keys = sorted(place) if isinstance(place, dict) else range(len(place))
    key = data.draw(st.sampled_from(list(keys)))
    if not isinstance(place[key], dict | list) or not place[key]:
      break
    place = place[key]
  place[data.draw(st.sampled_from(list(
    sorted(place) if isinstance(place, dict) else range(len(place))
  )))] = data.draw(values)  # fmt: skip
  damaged = tmp_path_factory.mktemp('damaged')
  (damaged / 'results.json').write_text(json.dumps(found))
  for name in (picture_data.FILE, 'config.json'):
    (damaged / name).write_bytes((workdir / name).read_bytes())
  with contextlib.suppress(errors.UserError):
    assert page.render(damaged).endswith('</html>\n')
