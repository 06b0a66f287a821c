"""Removes a person from a gallery, with every byte of that person.

  selfgait forget people.gallery anna

The file is written anew, which takes the time of copying it, and room for it on
the disk and in memory.
Copies of the file elsewhere keep the person.
"""

import argparse

from selfgait_jax import errors
from selfgait_jax.cli import common, galleries


def options(parser: argparse.ArgumentParser) -> None:
  galleries.add_gallery(parser)
  parser.add_argument('name', metavar='NAME', help='of the person')
  common.add_json(parser)


def run(options: argparse.Namespace) -> None:
  from selfgait_jax.gallery import store

  with store.Store(options.gallery) as file:
    count = file.remove(options.name)
    erased = file.erase()
  if options.json:
    common.print_json({'name': options.name, 'clips': count, 'erased': erased})
  else:
    print(f'{errors.printable(options.name)}: {count:,} clips removed')
  if not erased:
    raise errors.UserError(
      f'expected to write {errors.printable(options.gallery)} anew, found '
      'another process that reads it or a full disk; the person is removed, '
      'and the bytes go when the gallery is opened again'
    )
