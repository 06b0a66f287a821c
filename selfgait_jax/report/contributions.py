"""What each band of the body and each part of the embedding contributes."""

from collections.abc import Mapping

import numpy as np

from selfgait_jax.report import blocks, charts


def section(pictures: Mapping) -> str:
  """How much rank-1 drops when a band or a part is left out."""
  return blocks.section(
    'contributions',
    'What each part contributes',
    _bands(pictures) + _parts(pictures),
    'How rank-1 of the main row changes where something is taken away; the '
    'brighter, the more it matters.',
  )


def _bands(pictures):
  names = ('bands/none', 'bands/blank')
  if any(name not in pictures for name in names):
    return ''
  none, blank = (pictures[name] for name in names)
  if not blank.size:
    return ''
  whole = ', '.join(
    f'{title} {value:.1f} %'
    for title, value in zip(pictures['titles'], none, strict=True)
    if np.isfinite(value)
  )
  titles = list(map(str, pictures['titles']))
  svg = charts.body(
    (none - blank).T, titles, 'rank-1 with a band blanked', _fall
  )
  return blocks.single(
    'Bands of the body',
    'From head to feet: the rows of the probe’s silhouettes in this band are '
    f'black. With nothing blanked, rank-1 of these {_probes(pictures, "bands")}'
    f'probes is {whole}.',
    'Change of rank-1 (points)',
    svg,
  )


def _parts(pictures):
  names = ('parts/all', 'parts/without', 'parts/alone')
  if any(name not in pictures for name in names):
    return ''
  everything, without, alone = (pictures[name] for name in names)
  there = np.isfinite(everything)  # conditions of which probes were drawn
  if len(without) < 2 or not there.any():
    return ''
  levels = list(pictures.get('parts/bins', ()))
  if sum(levels) != len(without) or min(levels, default=0) < 1:
    levels = [len(without)]
  cuts = np.cumsum(levels)[:-1]
  names = [f'{n} strips' if n > 1 else 'whole' for n in levels]
  whole, alone = everything[there].mean(), alone[:, there].mean(axis=1)
  fall = whole - without[:, there].mean(axis=1)
  figures = (
    blocks.figure(title, charts.body(np.split(of, cuts), names, title, words))
    for title, of, words in (
      ('Change without it (points)', fall, _fall),
      ('Rank-1 with it alone (%)', alone, '{:.0f}'.format),
    )
  )
  return blocks.heading(
    'Parts of the embedding',
    'Each part sees a strip of the body, of one of the pyramid’s levels, from '
    f'head to feet. Mean over the conditions, of {_probes(pictures, "parts")}'
    f'probes; with all parts rank-1 is {whole:.1f} %.',
  ) + blocks.panels(figures)


def _fall(points):
  return f'{-points:+z.1f}'  # never -0.0


def _probes(pictures, section):
  count = pictures.get(f'{section}/probes')
  return '' if count is None else f'{count} '
