"""Enrols clips of a person in a gallery, which is made if it is missing.

  selfgait enrol people.gallery anna CLIPS

Enrol people who have agreed to it: a name and how somebody walks are personal
data. `selfgait forget` removes a person, with every byte. Refused clips, and
those that are enrolled already, are left out and named.
"""

import argparse
from typing import TYPE_CHECKING

from selfgait_jax import errors
from selfgait_jax.cli import common, galleries

if TYPE_CHECKING:  # numpy and JAX take seconds to import
  from selfgait_jax.gallery.outcomes import Outcome


def options(parser: argparse.ArgumentParser) -> None:
  galleries.add_gallery(parser)
  parser.add_argument(
    'name', metavar='NAME', help='of a person who has agreed; any text'
  )
  common.add_inputs(parser)
  common.add_checkpoint(parser)
  common.add_json(parser)


def run(options: argparse.Namespace) -> None:
  from selfgait_jax.gallery import rows

  rows.check_name(options.name)
  clips = common.read(options)
  found: list[Outcome] = []
  with galleries.open_gallery(options, create=True) as gallery:
    outcomes = _noted(
      gallery.enrol_each(options.name, common.follow(clips)), found
    )
    if options.json:
      for one in outcomes:
        common.print_json({'name': options.name, **vars(one)})
    else:
      common.print_table(('enrolled', 'verdict', 'clip'), _rows(outcomes))
      enrolled = sum(one.enrolled for one in found)
      print(
        f'{errors.printable(options.name)}: {enrolled:,} of {len(found):,} '
        'clips enrolled'
      )
  if all(one.verdict == 'refused' for one in found):
    raise errors.UserError(
      'expected a clip that can be enrolled, found only refused ones; '
      '`selfgait inspect` says more about them'
    )


def _noted(outcomes, found):
  """Passes outcomes on; keeps them."""
  for one in outcomes:
    found.append(one)
    yield one


def _rows(outcomes):
  for one in outcomes:
    yield 'yes' if one.enrolled else 'no', one.verdict, one.source
    yield from one.reasons
