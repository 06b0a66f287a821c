"""What the subcommands of galleries share: opening one, and its scores."""

import argparse
import copy
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from selfgait_jax.cli import common

if TYPE_CHECKING:  # numpy and JAX take seconds to import
  from selfgait_jax.gallery.gallery import Gallery
  from selfgait_jax.gallery.known import Labelled
  from selfgait_jax.gallery.scores import Scores

_RATES = {
  'eer': 'EER',
  'tar_far_0.01': 'TAR at FAR 1 %',
  'tar_far_0.001': 'TAR at FAR 0.1 %',
  'dir_far_0.01': 'DIR at FAR 1 %',
}


def add_gallery(parser: argparse.ArgumentParser) -> None:
  parser.add_argument('gallery', metavar='GALLERY', help="a gallery's file")


def add_by(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
    '--by',
    default='nearest',
    choices=('nearest', 'mean'),
    help="a person's distance: that of the nearest clip (the default), or the "
    'mean of that of the three nearest',
  )


def open_gallery(
  options: argparse.Namespace, create: bool = False
) -> 'Gallery':
  """The gallery that is named, for the network of --checkpoint."""
  import pathlib

  from selfgait_jax.gallery import database, gallery

  # Before the network, which takes seconds to load.
  database.check_place(pathlib.Path(options.gallery), create)
  embedder = common.load(options)
  return gallery.Gallery.open(options.gallery, embedder, create=create)


def read_known(options: argparse.Namespace) -> 'Iterator[Labelled]':
  """Clips of the inputs, each INPUT/NAME/CLIP or INPUT/NAME/CONDITION/CLIP."""
  from selfgait_jax.gallery import known

  for root in options.inputs:
    one = copy.copy(options)
    one.inputs = [root]
    yield from known.label(common.follow(common.read(one)), root)


def print_scores(scores: 'Scores', as_json: bool) -> None:
  """Prints all that was found, as tables or as one JSON object."""
  if as_json:
    common.print_json(_record(scores))
    return
  print(
    f'{scores.clips:,} clips of {scores.people:,} people '
    f'({scores.refused:,} refused); {scores.genuine:,} comparisons with the '
    f'own person, {scores.impostors:,} with others\n'
  )
  rows = [
    (title, number(rate.value), number(rate.low), number(rate.high))
    for title, rate in ((_RATES[n], r) for n, r in scores.rates.items())
  ]
  common.print_table(('%', 'value', 'from', 'to (95 % of draws)'), rows)
  print()
  common.print_table(
    ('probes (%)', 'clips', 'rank-1', 'accepted', 'others accepted'),
    [
      (
        row.condition or 'all',
        row.clips,
        number(row.rank1),
        number(row.accepted),
        number(row.falsely_accepted),
      )
      for row in scores.probes
    ],
  )
  if scores.pairs:
    print()
    common.print_table(
      (
        'pairs of clips (%)',
        'same person',
        'accepted',
        'others',
        'others accepted',
      ),
      [
        (
          ' and '.join(row.conditions),
          row.genuine,
          number(row.accepted),
          row.impostors,
          number(row.falsely_accepted),
        )
        for row in scores.pairs
      ],
    )
  if scores.threshold is None:
    print('\nno threshold: `selfgait calibrate` finds one')
    return
  print(f'\nthreshold: a distance of {scores.threshold:.4f}')
  print(
    f'people who are not enrolled are taken for somebody in '
    f'{number(scores.strangers_accepted)} % of their clips'
  )
  if scores.calibration_error is not None:
    print(f'calibration error: {scores.calibration_error:.3f}')


def number(value: float | None, digits: int = 1) -> str:
  """For a table; '-' for None."""
  return '-' if value is None else f'{value:.{digits}f}'


def _record(scores):
  """As JSON has it: no infinity, no tuples with names."""
  limit = scores.threshold
  return {
    **vars(scores),
    'threshold': limit if limit is None or math.isfinite(limit) else None,
    'rates': {name: rate._asdict() for name, rate in scores.rates.items()},
    'probes': [row._asdict() for row in scores.probes],
    'pairs': [row._asdict() for row in scores.pairs],
  }
