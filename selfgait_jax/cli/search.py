"""Finds who a gallery knows in clips.

  selfgait search people.gallery CLIPS

The table has the nearest people of each clip. Probability and acceptance need
`selfgait calibrate`; without it the nearest person is named however far away.
"""

import argparse
import dataclasses

from selfgait_jax.cli import common, galleries


def options(parser: argparse.ArgumentParser) -> None:
  galleries.add_gallery(parser)
  common.add_inputs(parser)
  parser.add_argument(
    '-k', type=int, default=5, help='people to show of each clip (5)'
  )
  galleries.add_by(parser)
  common.add_checkpoint(parser)
  common.add_json(parser)


def run(options: argparse.Namespace) -> None:
  clips = common.read(options)
  with galleries.open_gallery(options) as gallery:
    found = gallery.search_each(common.follow(clips), options.k, options.by)
    if not options.json:
      titles = (
        'clip', 'rank', 'name', 'distance', 'probability', 'accepted', 'like',
      )  # fmt: skip
      common.print_table(titles, _rows(found))
      return
    for one, matches in found:
      common.print_json(
        {
          'source': one.clip.source,
          'verdict': one.quality.verdict,
          'reasons': one.reasons,
          'matches': [dataclasses.asdict(match) for match in matches],
        }
      )


def _rows(found):
  for one, matches in found:
    for rank, match in enumerate(matches, 1):
      accepted = {None: '-', True: 'yes', False: 'no'}[match.accepted]
      yield (
        one.clip.source,
        rank,
        match.name,
        f'{match.distance:.4f}',
        galleries.number(match.probability, 3),
        accepted,
        match.source,
      )
    if not matches:
      yield one.clip.source, '-', '-', '-', '-', '-', one.quality.verdict
    yield from one.reasons
