"""The report: one HTML file with scores, pictures, curves and settings."""

import base64
import html
import json
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from selfgait_jax import errors, protocols
from selfgait_jax.evaluate import figures, label_worth, tables
from selfgait_jax.machine import files

# Columns of the main row; the others are named like their metrics.
COLUMNS = {
  'eer': 'EER',
  'tar_far_0.01': 'TAR at FAR 1 %',
  'frozen_linear': 'frozen linear classifier (top-1)',
  'frozen_knn': 'frozen kNN (top-1)',
}
AUDIT = (
  'Counted after the run; training never saw it. A pair of sequences (with '
  'synchronised cameras: of walks) is right if both have one pseudo-identity '
  'and one subject. Precision: share of right pairs among those of one '
  'pseudo-identity. Recall: among those of one subject; the last columns count '
  'pairs in different clothes. Cameras: what a pseudo-identity tells about the '
  'camera, from 0 to 1.'
)
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; margin: 2rem auto;
  max-width: 1080px; padding: 0 1rem; background: #fff; }
h1 { font-size: 1.6rem; margin-bottom: 0; }
h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid #ccc; }
p.note, figcaption { color: #555; font-size: .87rem; max-width: 46rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .6rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid #e4e4e4; }
th { font-weight: 600; border-bottom: 1px solid #888; white-space: normal;
  vertical-align: bottom; }
th.name, td.name { text-align: left; }
td.bar { min-width: 6.5rem; border-right: 5px solid #fff;
  background: 0 50% / 100% 72% no-repeat; }
tr.main td.name { font-weight: 600; }
.scroll { overflow-x: auto; }
.scroll table { font-size: .84rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: .8rem 0; } img { max-width: 100%; }
img.strip { width: 100%; image-rendering: pixelated; display: block; }
pre { font-size: .78rem; background: #f6f6f6; padding: .8rem; overflow: auto; }
"""


def write(
  path: pathlib.Path,
  results: Mapping,
  rows: Mapping[str, Mapping] | None = None,
  curves: Mapping[str, Mapping[str, Sequence]] | None = None,
  clips: Sequence[tuple[str, np.ndarray]] = (),
  config: str = '',
) -> None:
  """Writes a self-contained HTML file, without the sections that lack data.

  Args:
    path: of the file, which is overwritten.
    results: content of `results.json`. The pictures show its `metrics`, the
      main row.
    rows: name -> result of `protocols.evaluate` or its metrics, in the order
      of the table; by default those of `results`.
    curves: stage -> name -> [(step, value), ...].
    clips: (title, uint8 [T, H, W]) of people who may be shown.
    config: the settings, as JSON.
  """
  rows = _rows(results, rows)
  metrics = results.get('metrics', {})
  titles = {
    group: errors.printable(tables.group_title(results, group))
    for group in tables.groups([metrics, *rows.values()])
  }
  body = [
    _facts(results),
    _summary(rows, metrics),
    _main_row(metrics, results.get('counts', {}), titles),
    _views(results, rows, titles),
    _section(
      'CMC curves',
      _picture(figures.cumulative_match(rows, titles), 'CMC curves'),
    ),
    _section(
      'What labels are worth',
      _study(results.get('study', []), titles),
      'Mean and standard deviation over the draws. Each draw has its own '
      'labelled subjects, batches and first weights.',
    ),
    *(
      _section(f'Pseudo-identities: {stage}', _rounds(stage, rounds), AUDIT)
      for stage, rounds in results.get('discovery', {}).items()
    ),
    *(
      _section(f'Training: {stage}', _training(stage, series, titles))
      for stage, series in (curves or {}).items()
    ),
    _clips(clips),
    _settings(config),
  ]
  title = f'selfgait_jax: {results.get("data", {}).get("name", "run")}'
  files.write_text(
    pathlib.Path(path),
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width">'
    f'<title>{_text(title)}</title><style>{STYLE}</style></head><body>'
    f'<h1>{_text(title)}</h1>{"".join(body)}</body></html>\n',
  )


def _rows(results, rows):
  """{name: metrics} of every row of the summary."""
  rows = rows or results.get('rows')
  if not rows:
    rows = dict(results.get('baselines', {}))
    if results.get('metrics'):
      rows['this run'] = results['metrics']
  return {
    errors.printable(name): tables.metrics_of(row) for name, row in rows.items()
  }


def _facts(results):
  """Protocol, data, counts, settings and versions, as a list of terms."""
  label = results.get('protocol', '')
  rules = protocols.PROTOCOLS.get(label.split('/')[0])
  counts = {k: v for k, v in results.get('counts', {}).items() if '/' not in k}
  data = dict(results.get('data', {}))
  versions = results.get('versions', {})
  facts = {
    'protocol': label,
    'data': ', '.join(f'{k} {v}' for k, v in data.items()),
    'counts': ', '.join(f'{v} {k}' for k, v in counts.items()),
    'config hash': results.get('config_hash', ''),
    'seed': results.get('seed', ''),
    'device': results.get('device', ''),
    'versions': ', '.join(f'{k} {v}' for k, v in versions.items()),
    'evaluation took': f'{results["seconds"]} s'
    if 'seconds' in results
    else '',
  }
  items = ''.join(
    f'<dt>{_text(k)}</dt><dd>{_text(v)}</dd>'
    for k, v in facts.items()
    if v != ''
  )
  note = f'<p class="note">{_text(rules.definition)}</p>' if rules else ''
  return f'<dl>{items}</dl>{note}'


def _summary(rows, main):
  if not rows:
    return ''
  header, body = tables.rank1_cells(list(rows.items()))
  bold = [name for name, metrics in rows.items() if main and metrics == main]
  return _section(
    'Rank-1 of every row',
    _table(header, body, bars=True, bold=bold),
    'In percent. A nearest neighbour on gait energy images and a network with '
    'random weights are the floors. The row in bold is the main row; the '
    'sections below show it in detail. Frozen classifiers, where there are '
    'any, are trained on the embeddings of the gallery in the row above.',
  )


def _main_row(metrics, counts, titles):
  """Every score of the main row, one line for each probe group."""
  names = [f'rank{k}' for k in (1, 2, 3, 4, 5, 10, 20)]
  names += ['mAP', 'mINP', 'rank1_view_pairs', 'rank1_all_views', *COLUMNS]
  names = [n for n in names if any(f'{g}/{n}' in metrics for g in titles)]
  tallies = ['probes', 'probes_without_mate', 'pairs_without_mate']
  tallies += ['probes_without_other_view', 'probes_without_other_recording']
  tallies += ['empty_cells']
  tallies = [n for n in tallies if any(f'{g}/{n}' in counts for g in titles)]
  if not names:
    return ''
  body = [
    [
      title,
      *(tables.percent(metrics.get(f'{group}/{name}')) for name in names),
      *(str(counts.get(f'{group}/{name}', '-')) for name in tallies),
    ]
    for group, title in titles.items()
  ]
  header = [COLUMNS.get(n, n.replace('_', ' ')) for n in names + tallies]
  return _section(
    'Main row in full',
    _table(['probe', *header], body),
    'Scores in percent. EER and TAR (true-accept rate) say how well one '
    'threshold on the distance tells pairs of one subject from pairs of two.',
  )


def _views(results, rows, titles):
  """Heat maps of the main row and the per-view table of all rows."""
  metrics = results.get('metrics', {})
  content = _picture(figures.heat_maps(metrics, titles), 'rank-1 by view pair')
  per_view = [
    (name, row | {'protocol': results.get('protocol', '')})
    for name, row in rows.items()
    if any(key.endswith('/rank1_per_view') for key in row)
  ]
  if per_view:
    content += _table(*tables.per_view_cells(per_view))
  return _section(
    'Rank-1 by view',
    content,
    'Each cell of a map compares the probes of one view with the gallery of '
    'one view. The means leave out the diagonal (identical views). The table '
    'has the layout of Table 1 of the SelfGait paper.',
  )


def _study(cells, titles):
  """Rank-1 by the number of labelled subjects: a picture and a table."""
  if not cells:
    return ''
  groups = tables.groups([cell['metrics'] for cell in cells])
  spreads = {group: label_worth.spread(cells, group) for group in groups}
  picture = _picture(figures.label_worth(spreads, titles), 'worth of labels')
  return picture + _table(*label_worth.cells_of(cells))


def _rounds(stage, rounds):
  """How right the pseudo-identities of each round were."""
  names = list(rounds[0]) if rounds else []
  cell = lambda x: f'{x:.3f}' if isinstance(x, float) else str(x)
  body = [[cell(found[name]) for name in names] for found in rounds]
  picture = _picture(figures.rounds(rounds), f'rounds of {stage}')
  return picture + _table(names, body) if rounds else ''


def _training(stage, series, titles):
  """Rank-1 on held-out subjects, where it was checked, and all curves."""
  checks = figures.held_out(series, titles, stage)
  return _picture(checks, f'held-out rank-1 of {stage}') + _picture(
    figures.curves(series), stage
  )


def _clips(clips):
  strips = ''.join(
    _picture(figures.film_strip(clip), title, css='strip')
    for title, clip in clips
    if len(clip)
  )
  return _section('Sample clips', strips)


def _settings(config):
  if not config:
    return ''
  text = json.dumps(json.loads(config), indent=2)
  return (
    '<h2>Settings</h2><details><summary>every key of the run</summary>'
    f'<pre>{html.escape(text)}</pre></details>'
  )


def _section(title, content, note=''):
  """A heading, a note and the content; '' if there is no content."""
  if not content:
    return ''
  note = f'<p class="note">{_text(note)}</p>' if note else ''
  return f'<h2>{_text(title)}</h2>{note}{content}'


def _picture(png, title, css=''):
  if png is None:
    return ''
  data = base64.b64encode(png).decode()
  caption = f'<figcaption>{_text(title)}</figcaption>' if css else ''
  # Bytes 16 to 19 of a PNG file are its width, in image pixels.
  width = int.from_bytes(png[16:20], 'big') // figures.DENSITY
  return (
    f'<figure>{caption}<img class="{css}" width="{width}" '
    f'alt="{_text(title)}" src="data:image/png;base64,{data}"></figure>'
  )


def _table(header, body, bars=False, bold=()):
  """HTML table; with `bars`, a bar behind each number shows its percentage.

  Rows are bold if the first cell is one of `bold`.
  """
  names = sum(name in tables.NAME_COLUMNS for name in header)
  lines = []
  for i, row in enumerate([header, *body]):
    tag = 'td' if i else 'th'
    cells = ''
    for column, cell in enumerate(row):
      css, style = ('name' if column < names else ''), ''
      if bars and i and column >= names and cell != '-':
        css, share = 'bar', float(cell)
        style = (
          ' style="background-image:linear-gradient(90deg,'
          f'#cde2f3 {share:.1f}%,transparent {share:.1f}%)"'
        )
      cells += f'<{tag} class="{css}"{style}>{_text(cell)}</{tag}>'
    css = 'main' if i and row[0] in bold else ''
    lines.append(f'<tr class="{css}">{cells}</tr>')
  return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def _text(value) -> str:
  """One line, escaped for HTML."""
  return html.escape(errors.printable(value, 10**6))
