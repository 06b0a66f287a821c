"""Lists who is in a gallery.

selfgait people people.gallery
"""

import argparse

from selfgait_jax.cli import common, galleries


def options(parser: argparse.ArgumentParser) -> None:
  galleries.add_gallery(parser)
  common.add_json(parser)


def run(options: argparse.Namespace) -> None:
  from selfgait_jax.gallery import store

  with store.Store(options.gallery) as file:
    found = file.people()
  if options.json:
    for person in found:
      common.print_json(vars(person))
    return
  common.print_table(
    ('name', 'clips', 'frames', 'doubtful', 'first', 'last'),
    [tuple(vars(person).values()) for person in found],
  )
  print(f'{len(found):,} people, {sum(one.clips for one in found):,} clips')
