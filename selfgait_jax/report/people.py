"""Pictures of sequences: the map of the embeddings, confusions, clips."""

from collections.abc import Mapping

import numpy as np

from selfgait_jax.evaluate import tables
from selfgait_jax.report import axes, blocks, matching, style

_MOST = len(style.COLOURS)  # values of a label that have colours


def embedding_map(pictures: Mapping) -> str:
  """PCA and t-SNE, coloured by subject, view and condition."""
  names = ('pca', 'tsne', 'variance', 'subjects', 'conditions', 'views')
  if any(f'map/{name}' not in pictures for name in names):
    return ''
  pca, tsne, variance, subjects, conditions, views = (
    pictures[f'map/{name}'] for name in names
  )
  if not (np.isfinite(pca).all() and np.isfinite(tsne).all() and len(pca)):
    return ''
  kinds = np.array([tables.kind(name) for name in conditions])
  labels = {'subject': subjects, 'view': views, 'condition': kinds}
  content = ''
  for name, points in (
    (f'Principal components, {variance.sum():.0f} % of the variance', pca),
    ('t-SNE', tsne),
  ):
    figures = [_coloured(points, title, of) for title, of in labels.items()]
    content += blocks.heading(name) + blocks.panels(figures)
  return blocks.section(
    'map',
    'Map of the embeddings',
    content,
    f'{len(pca)} sequences of {len(set(subjects))} people, each a point. What '
    'lies together is alike to the network: points should gather by person, '
    'not by view or condition. Principal components keep distances, t-SNE '
    'keeps neighbours.',
  )


def _coloured(points, title, labels):
  """The points [n, 2] in the colours of their labels, str [n]."""
  values = list(dict.fromkeys(sorted(labels)))
  in_order = title == 'view'
  shown = values if in_order else values[:_MOST]
  panel = axes.Axes(
    (points[:, 0].min(), points[:, 0].max()),
    (points[:, 1].min(), points[:, 1].max()),
    height=260, bare=True,
  )  # fmt: skip
  legend = []
  for i, value in enumerate(shown):
    colour = style.shade(i, len(shown)) if in_order else ''
    css = '' if in_order else style.series(i)
    panel.dots(points[labels == value], f'small {css}', colour)
    name = tables.degrees(str(value)) if in_order else str(value)
    legend.append(blocks.Key(name, css, colour))
  words = f'by {title}'
  if len(values) > len(shown):
    words += f', {len(shown)} of {len(values)}'
  return blocks.figure(words, panel.svg(words), legend)


def confusions(pictures: Mapping, show: bool) -> str:
  """The worst confusions, as strips if they may be shown."""
  if any(f'confusions/{n}' not in pictures for n in ('names', 'distances')):
    return ''
  names, distances = (
    pictures['confusions/names'],
    pictures['confusions/distances'],
  )
  frames = pictures.get('confusions/frames') if show else None
  items = ''
  for i, (probe, wrong, mate) in enumerate(names):
    far, near = distances[i, 1], distances[i, 0]
    lines = (
      ('probe', probe, ''),
      ('wrong match', wrong, f' at {near:.3f}'),
      ('true mate', mate, f' at {far:.3f}'),
    )
    item = ''
    for place, (role, name, words) in enumerate(lines):
      who = blocks.text(_named(name))
      item += f'<div class="who"><b>{role}</b>{words}: {who}</div>'
      if frames is not None:
        item += blocks.picture(frames[i, place], f'{role}: {_named(name)}')
    items += f'<div>{item}</div>'
  note = (
    'Probes that lie nearer to another person than to any sequence of their '
    'own, each pair of people at most once, with the distance from the probe. '
  )
  if frames is not None:
    note += 'The first picture of a strip is the gait energy image. '
  return blocks.section(
    'confusions',
    f'The {len(names)} worst confusions' if len(names) > 1 else 'Confusions',
    f'<div class="strips">{items}</div>',
    note + matching.sample_note(pictures),
  )


def clips(pictures: Mapping, show: bool) -> str:
  """Sample clips over conditions and views, if they may be shown."""
  frames, names = pictures.get('clips/frames'), pictures.get('clips/names')
  if not show or frames is None or names is None:
    return ''
  items = ''.join(
    f'<div><div class="who">{blocks.text(_named(name))}</div>'
    f'{blocks.picture(clip, _named(name))}</div>'
    for name, clip in zip(names, frames, strict=True)
  )
  return blocks.section(
    'clips', 'Sample clips', f'<div class="strips wide">{items}</div>'
  )


def _named(name):
  subject, condition, view = map(str, name)
  return f'{subject}, {condition}, {tables.degrees(view)}'
