"""Finds a threshold and probabilities for a gallery.

  selfgait calibrate people.gallery KNOWN

KNOWN has clips of people who were not in the training data, in folders
KNOWN/NAME/CLIP or KNOWN/NAME/CONDITION/CLIP; they are compared with each other,
and nobody is enrolled. They should look like the clips that will be searched,
with about as many clips of each person as the gallery has. Look at the pairs of
one condition: where others are accepted in coats, the coat was recognised.
Needs scikit-learn: pip install "selfgait_jax[report]".
"""

import argparse

from selfgait_jax.cli import common, galleries


def options(parser: argparse.ArgumentParser) -> None:
  galleries.add_gallery(parser)
  common.add_inputs(parser)
  parser.add_argument(
    '--far',
    type=float,
    default=0.01,
    help='share of comparisons with others that may be accepted (0.01)',
  )
  galleries.add_by(parser)
  common.add_checkpoint(parser)
  common.add_json(parser)


def run(options: argparse.Namespace) -> None:
  known = galleries.read_known(options)
  with galleries.open_gallery(options) as gallery:
    galleries.print_scores(
      gallery.calibrate(known, options.far, options.by), options.json
    )
