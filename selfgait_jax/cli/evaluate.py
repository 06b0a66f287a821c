"""Counts how well a gallery finds known people, enrolled or not.

  selfgait evaluate people.gallery KNOWN

KNOWN has clips in folders KNOWN/NAME/CLIP or KNOWN/NAME/CONDITION/CLIP, with
the names of the gallery; other names are people who are not enrolled. A clip
that is enrolled itself is compared with all others.
"""

import argparse

from selfgait_jax.cli import common, galleries


def options(parser: argparse.ArgumentParser) -> None:
  galleries.add_gallery(parser)
  common.add_inputs(parser)
  galleries.add_by(parser)
  common.add_checkpoint(parser)
  common.add_json(parser)


def run(options: argparse.Namespace) -> None:
  known = galleries.read_known(options)
  with galleries.open_gallery(options) as gallery:
    galleries.print_scores(gallery.evaluate(known, options.by), options.json)
