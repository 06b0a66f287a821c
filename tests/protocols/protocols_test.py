"""Protocols against the original evaluators and a brute-force count."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from selfgait_jax import errors, protocols
from selfgait_jax.evaluate import tables

GOLDEN = pathlib.Path(__file__).parents[1] / 'golden/evaluation.npz'


def golden(data):
  with np.load(GOLDEN) as stored:
    fields = ('embeddings', 'subjects', 'conditions', 'views')
    arrays = [stored[f'{data}_{field}'] for field in fields]
    results = {
      key.removeprefix(f'{data}_result_'): json.loads(str(stored[key]))
      for key in stored.files
      if key.startswith(f'{data}_result_')
    }
    probes = stored['gait3d_probes']
  arrays[0] = arrays[0].swapaxes(1, 2)  # [n, c, p] -> [N, P, D]
  scalars = {
    kind: {key.split('/')[-1]: value for key, value in result.items()}
    for kind, result in results.items()
  }
  return arrays, scalars, probes


@pytest.mark.parametrize('metric', ['euclidean', 'cosine'])
@pytest.mark.parametrize(
  'data,groups',
  [('casiab', {'nm': 'NM', 'bg': 'BG', 'cl': 'CL'}), ('oumvlp', {'all': 'NM'})],
)
def test_view_pairs_equal_opengait(data, groups, metric):
  arrays, expected, _ = golden(data)
  found = protocols.evaluate(data, *arrays, metric)['metrics']
  for group, title in groups.items():
    # The original rounds every cell to two decimals.
    assert found[f'{group}/rank1'] == pytest.approx(
      expected[metric[:3]][f'{title}@R1'], abs=0.005
    )


@pytest.mark.parametrize(
  'data,groups',
  [('casiab', {'nm': 'NM', 'bg': 'BG', 'cl': 'CL'}), ('oumvlp', {'all': 'NM'})],
)
def test_cross_view_gallery_equals_opengait(data, groups):
  arrays, expected, _ = golden(data)
  found = protocols.evaluate(f'{data}_cross_view', *arrays)['metrics']
  for group, title in groups.items():
    for ours, theirs in (('rank1', 'Rank@1'), ('mAP', 'mAP')):
      assert found[f'{group}/{ours}'] == pytest.approx(
        expected['cross_view_gallery'][f'{title}-{theirs}'], abs=0.005
      )


def test_gait3d_equals_opengait():
  arrays, expected, probes = golden('gait3d')
  found = protocols.evaluate('gait3d', *arrays, probes=probes)
  for ours, theirs in (
    ('rank1', 'Rank-1'),
    ('rank5', 'Rank-5'),
    ('rank10', 'Rank-10'),
    ('mAP', 'mAP'),
    ('mINP', 'mINP'),
  ):
    assert found['metrics'][f'all/{ours}'] == pytest.approx(
      expected['euc'][theirs], abs=1e-4
    )
  assert found['counts']['all/probes_without_mate'] == 9


def ragged(seed=0):
  """A small test set with ties, missing sequences and an empty cell."""
  rng = np.random.default_rng(seed)
  conditions = ['nm-01', 'nm-02', 'nm-04', 'nm-05', 'nm-06', 'bg-01', 'xx-01']
  keys = [
    (subject, condition, view)
    for subject in ('075', '076', '080', '099')
    for condition in conditions
    for view in ('000', '045', '090', '180')
    if rng.random() < 0.8
  ]
  # No gallery at 180 degrees, no nm probe at 0.
  keys = [k for k in keys if not (k[1] <= 'nm-04' and k[2] == '180')]
  keys += [(s, 'nm-01', '045') for s in ('075', '076', '080', '099')]
  keys = [k for k in dict.fromkeys(keys) if k[1][:4] != 'nm-0' or k[2] != '000'
          or k[1] <= 'nm-04']  # fmt: skip
  rng.shuffle(keys)
  embeddings = rng.integers(0, 3, (len(keys), 1, 2)).astype(np.float32)
  return embeddings, *np.array(keys).T


def share(cell, k):
  return np.mean([bool(r) and r[0] <= k for r in cell]) if cell else None


def brute_force(embeddings, subjects, conditions, views, probe_conditions):
  """{(probe view, gallery view): [(rank of each mate), ...] of its probes}."""
  cells = {}
  for v1 in sorted(set(views)):
    for v2 in sorted(set(views)):
      cell = []
      for i in range(len(subjects)):
        if conditions[i] not in probe_conditions or views[i] != v1:
          continue
        gallery = [
          (np.sqrt(((embeddings[i] - embeddings[j]) ** 2).sum()), j)
          for j in range(len(subjects))
          if views[j] == v2
          and conditions[j] in ('nm-01', 'nm-02', 'nm-03', 'nm-04')
        ]
        if gallery:
          order = [subjects[j] for _, j in sorted(gallery)]
          cell.append([r for r, s in enumerate(order, 1) if s == subjects[i]])
      cells[v1, v2] = cell
  return cells


@pytest.mark.parametrize('seed', range(3))
def test_view_pairs_equal_brute_force_with_ties_and_gaps(seed):
  data = ragged(seed)
  result = protocols.evaluate('casiab', *data)
  metrics, counts = result['metrics'], result['counts']
  views = metrics['views']
  assert views == sorted(set(data[3]))
  for group, members in (('nm', ('nm-05', 'nm-06')), ('bg', ('bg-01',))):
    cells = brute_force(*data, members)
    matrix = [
      [100 * share(c, 1) if (c := cells[v1, v2]) else None for v2 in views]
      for v1 in views
    ]
    assert metrics[f'{group}/matrix'] == matrix

    def mean_off_diagonal(score, cells=cells):
      rows = []
      for v1 in views:
        row = [score(cells[v1, v2]) for v2 in views if v1 != v2]
        row = [value for value in row if value is not None]
        rows.append(100 * np.mean(row) if row else None)
      return rows, np.mean([value for value in rows if value is not None])

    for k in (1, 3, 10):
      per_view, mean = mean_off_diagonal(lambda cell, k=k: share(cell, k))
      assert metrics[f'{group}/rank{k}'] == pytest.approx(mean)
      assert metrics[f'{group}/cmc'][k - 1] == pytest.approx(mean)
      if k == 1:
        assert metrics[f'{group}/rank1_per_view'] == per_view

    def precision(cell):
      values = [
        np.mean([n / r for n, r in enumerate(ranks, 1)])
        for ranks in cell
        if ranks
      ]
      return np.mean(values) if values else None

    expected = mean_off_diagonal(precision)[1]
    assert metrics[f'{group}/mAP'] == pytest.approx(expected)
    flat = [value for row in matrix for value in row if value is not None]
    assert metrics[f'{group}/rank1_all_views'] == pytest.approx(np.mean(flat))
    assert counts[f'{group}/empty_cells'] == len(views) ** 2 - len(flat)
  assert counts['nm/empty_cells'] >= 7, 'a probe view or gallery view is there'
  assert counts['unused'] == np.sum(data[2] == 'xx-01')
  assert 'cl/rank1' not in metrics


def complete(subjects=('075', '076'), views=('000', '090')):
  """Every sequence of these; one embedding a subject: all scores are 100."""
  casiab = protocols.PROTOCOLS['casiab']
  conditions = [*casiab.gallery, *sum(casiab.probes.values(), ())]
  keys = np.array(
    [(s, c, v) for s in subjects for c in conditions for v in views]
  )
  embeddings = 2.0 ** keys[:, 0].astype(int)[:, None, None] * np.ones((1, 2, 3))
  return embeddings / 2.0**75, *keys.T


def without(data, keep):
  return [x[keep] for x in data]


def test_two_views_and_perfect_scores_give_a_hundred():
  # The release divides by 10 whatever the number of views, and gives 10 here.
  metrics = protocols.evaluate('casiab', *complete())['metrics']
  for group in ('nm', 'bg', 'cl'):
    assert metrics[f'{group}/rank1'] == 100
    assert metrics[f'{group}/mAP'] == 100


def test_probes_without_a_mate_in_the_view_are_misses_and_counted():
  data = complete()
  subjects, conditions, views = data[1:]
  lacking = (subjects == '076') & (views == '090') & (conditions <= 'nm-04')
  lacking &= np.char.startswith(conditions, 'nm')
  result = protocols.evaluate('casiab', *without(data, ~lacking))
  assert result['metrics']['nm/matrix'] == [[100, 50], [100, 50]]
  assert result['metrics']['nm/rank1'] == 75
  assert result['counts']['nm/pairs_without_mate'] == 2  # own view not counted
  assert result['counts']['nm/probes_without_mate'] == 0
  assert result['counts']['nm/probes'] == 8


def test_oumvlp_counts_subjects_without_any_gallery_as_misses():
  conditions = np.array(['00', '00', '01', '01', '00', '00'])
  subjects = np.array(['1', '1', '1', '1', '2', '2'])
  views = np.array(['000', '090'] * 3)
  embeddings = np.ones((6, 1, 1)) * subjects.astype(float)[:, None, None]
  result = protocols.evaluate('oumvlp', embeddings, subjects, conditions, views)
  assert result['metrics']['all/rank1'] == 50
  assert result['counts']['all/probes_without_mate'] == 2


def test_result_is_json_and_does_not_depend_on_the_order():
  data = golden('casiab')[0]
  result = protocols.evaluate('casiab', *data)
  assert result['protocol'] == 'casiab/1'
  assert 'nm-01 to nm-04' in result['definition']
  assert json.loads(json.dumps(result, allow_nan=False)) == result
  order = np.random.default_rng(0).permutation(len(data[0]))
  shuffled = protocols.evaluate('casiab', *without(data, order))
  for key, value in result['metrics'].items():
    if key.endswith('rank1'):
      assert shuffled['metrics'][key] == pytest.approx(value)


def nan_at_row_3(data):
  data[0][3, 1, 0] = np.nan
  return data


@pytest.mark.parametrize(
  'change,words',
  [
    (lambda d: [d[0][1:], *d[1:]], r'\(39, 2, 3\) with 40, 40 and 40'),
    (lambda d: [d[0][:, 0], *d[1:]], r'\[N, P, D\]'),
    (nan_at_row_3, 'NaN or infinity in 1 of 40 sequences .first 075-nm-02-090'),
    (lambda d: without(d, d[2] <= 'cl-00'), 'found 8 probes and 0 gallery'),
    (
      lambda d: without(d, np.isin(d[2], ['nm-01', 'nm-02'])),
      r'expected probes \(nm-05, .* found 0 probes and 8 gallery',
    ),
    (
      lambda d: without(d, (d[1] == '075') | (d[2] > 'nm-04')),
      'found none for 076 .1 in all.*exclude_subjects',
    ),
    (lambda d: without(d, d[3] == '090'), 'at least two views .* found 090'),
    (lambda d: [*d[:2], d[2] + '\n\x1b[2J', d[3]], r'nm-01\\n\\x1b\[2J'),
  ],
)
def test_bad_input_is_one_sentence(change, words):
  with pytest.raises(errors.UserError, match=words):
    protocols.evaluate('casiab', *change(complete()))


def test_unknown_protocol_and_stray_probe_list():
  with pytest.raises(errors.UserError, match='casiab, oumvlp.*found .casia_b'):
    protocols.evaluate('casia_b', *complete())
  with pytest.raises(errors.UserError, match='list of probes'):
    protocols.evaluate('gait3d', *complete())
  with pytest.raises(errors.UserError, match='list of probes'):
    protocols.evaluate('casiab', *complete(), probes=['075-nm-01-000'])


def test_tables_show_groups_views_and_means():
  result = protocols.evaluate('casiab', *golden('casiab')[0])
  text = tables.per_view_table(result)
  lines = [line.strip('|').split('|') for line in text.splitlines()]
  cells = [[cell.strip() for cell in line] for line in lines]
  assert cells[0] == ['probe', *(f'{v}°' for v in range(0, 181, 18)), 'mean']
  assert [c[0] for c in cells[2:]] == ['NM#5-6', 'BG#1-2', 'CL#1-2']
  assert [c[-1] for c in cells[2:]] == ['67.7', '57.6', '58.1']
  assert len({len(line) for line in text.splitlines()}) == 1

  both = tables.per_view_table([('one', result), ('two', result)])
  assert both.count('NM#5-6') == 1
  assert both.count('| two ') == 3

  text = tables.rank1_table([('ours', result), ('GEI', {'nm/rank1': 12.34})])
  assert ' '.join(text.splitlines()[-1].split()) == '| GEI | 12.3 | - | - |'


def test_tables_of_other_protocols():
  result = protocols.evaluate('oumvlp', *golden('oumvlp')[0])
  first, _, last = tables.per_view_table(result).splitlines()
  assert first.count('|') == last.count('|') == 14 + 3
  assert last.split()[1] == 'ALL'
  cross = protocols.evaluate('casiab_cross_view', *golden('casiab')[0])
  assert '| BG#1 ' in tables.per_view_table(cross)

  arrays, _, probes = golden('gait3d')
  result = protocols.evaluate('gait3d', *arrays, probes=probes)
  header, _, row = tables.per_view_table(result).splitlines()
  scores = ['rank1', 'rank5', 'rank10', 'rank20', 'mAP', 'mINP']
  assert header.replace('|', ' ').split() == ['probe', *scores]
  expected = [f'{result["metrics"][f"all/{name}"]:.1f}' for name in scores]
  assert row.replace('|', ' ').split() == ['ALL', *expected]
  both = tables.per_view_table([('one', result), ('two', result)])
  assert both.splitlines()[3].split()[1:4:2] == ['ALL', 'two']


def test_evaluation_needs_no_tensorflow():
  code = (
    'import sys, selfgait_jax.evaluate.tables;'
    'sys.exit("tensorflow" in sys.modules)'
  )
  subprocess.run([sys.executable, '-c', code], check=True)


def test_ranks_beyond_the_gallery_are_noted(monkeypatch):
  said = []
  monkeypatch.setattr(
    protocols.logging,
    'log_first_n',
    lambda level, words, count, *values: said.append(words % values),
  )
  result = protocols.evaluate('casiab', *complete())
  assert result['metrics']['nm/rank20'] == result['metrics']['nm/rank10'] == 100
  assert ['holds only 8 sequences' in words for words in said] == [True]
  arrays, _, probes = golden('gait3d')
  protocols.evaluate('gait3d', *arrays, probes=probes)
  assert len(said) == 1


def test_a_gallery_may_be_listed_too():
  arrays, _, probes = golden('gait3d')
  by_probes = protocols.evaluate('gait3d', *arrays, probes=probes)
  keys = ['-'.join(key) for key in zip(*arrays[1:], strict=True)]
  others = [key for key in keys if key not in set(probes)]
  by_gallery = protocols.evaluate('gait3d', *arrays, gallery=others)
  assert by_gallery == by_probes
  both = protocols.evaluate(
    'gait3d', *arrays, probes=probes, gallery=others[::2]
  )
  assert both['counts']['gallery'] == len(others[::2])
  assert both['counts']['unused'] == len(others[1::2])
