"""Compares the clips of two folders or files.

  selfgait compare A B --gallery=people.gallery

The table has the distance of every clip of A to every clip of B. What is near
depends on the network: with a gallery that is calibrated, each pair also gets
the probability that both show one person, and whether they are accepted.
"""

import argparse

from selfgait_jax import errors
from selfgait_jax.cli import common, galleries


def options(parser: argparse.ArgumentParser) -> None:
  for name in 'AB':
    parser.add_argument(
      name.lower(), metavar=name, help='clips, as for the other commands'
    )
  common.add_align(parser)
  parser.add_argument('--gallery', help='whose distance and calibration to use')
  common.add_checkpoint(parser)
  common.add_json(parser)


def run(options: argparse.Namespace) -> None:
  from selfgait_jax import retrieval

  metric, curve = retrieval.METRICS[0], None
  if options.gallery:
    with galleries.open_gallery(options) as gallery:
      embedder, metric = gallery.embedder, gallery.metric
      if gallery.calibration:
        curve = gallery.calibration.curves['nearest']
  else:
    embedder = common.load(options)
  (sources, first), (others, second) = (
    _embed(options, path, embedder) for path in (options.a, options.b)
  )
  distances = retrieval.pairwise_distance(first, second, metric)
  found = _pairs(sources, others, distances, curve)
  if options.json:
    for pair in found:
      common.print_json(pair)
    return
  common.print_table(
    ('distance', 'probability', 'accepted', 'A', 'B'),
    (
      (
        f'{pair["distance"]:.4f}',
        galleries.number(pair['probability'], 3),
        {None: '-', True: 'yes', False: 'no'}[pair['accepted']],
        pair['a'],
        pair['b'],
      )
      for pair in found
    ),
  )


def _embed(options, path, embedder):
  """(sources, embeddings) of the clips that are not refused."""
  import numpy as np

  from selfgait_jax.gallery import judged

  options.inputs = [path]
  clips = common.follow(common.read(options))
  kept = [
    one
    for block in judged.judge(clips, embedder)
    for one in block
    if one.usable
  ]
  if not kept:
    raise errors.UserError(
      f'expected a clip that can be compared in {errors.printable(path)}, '
      'found only refused ones; `selfgait inspect` says why'
    )
  sources = [one.clip.source for one in kept]
  return sources, np.stack([one.embedding for one in kept])


def _pairs(sources, others, distances, curve):
  for source, row in zip(sources, distances.tolist(), strict=True):
    for other, distance in zip(others, row, strict=True):
      yield {
        'a': source,
        'b': other,
        'distance': distance,
        'probability': curve and float(curve.probability(distance)),
        'accepted': curve and curve.accepts(distance),
      }
