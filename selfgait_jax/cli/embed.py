"""Writes the embeddings of clips to a .npz file.

  selfgait embed CLIPS --out=z.npz

The file has the arrays `embeddings` float32 [N, P, D], `sources`, `verdicts`
and `frames` [N]. Refused clips are left out; `selfgait inspect` says more about
them. Compare embeddings with `selfgait_jax.retrieval.pairwise_distance`.
"""

import argparse
import pathlib
from typing import TYPE_CHECKING

from selfgait_jax import errors
from selfgait_jax.cli import common

if TYPE_CHECKING:  # numpy and JAX take seconds to import
  from selfgait_jax.gallery.judged import Judged


def options(parser: argparse.ArgumentParser) -> None:
  common.add_inputs(parser)
  parser.add_argument(
    '--out', metavar='Z.npz', required=True, help='the file to write'
  )
  common.add_checkpoint(parser)
  common.add_json(parser)


def run(options: argparse.Namespace) -> None:
  import numpy as np

  from selfgait_jax.gallery import rows
  from selfgait_jax.machine import files

  path = pathlib.Path(options.out)
  if path.suffix != '.npz' or not path.parent.is_dir():
    raise errors.UserError(
      'expected --out to be a .npz file in a folder that is there, found '
      f'{errors.printable(path)}'
    )
  kept: list[Judged] = []
  found = _embed(options, kept)
  if options.json:
    for record in found:
      common.print_json(record)
  else:
    common.print_table(('row', 'verdict', 'frames', 'clip'), _rows(found))
  if not kept:
    raise errors.UserError(
      'expected a clip that can be embedded, found only refused ones; '
      '`selfgait inspect` says why'
    )
  with files.output(path) as partial, open(partial, 'wb') as file:
    np.savez(
      file,
      embeddings=np.stack([one.embedding for one in kept]),
      sources=[rows.as_text(one.clip.source) for one in kept],
      verdicts=[one.quality.verdict for one in kept],
      frames=[len(one.clip.frames) for one in kept],
    )


def _embed(options, kept):
  """Yields a record of each clip; fills `kept` with those that have a row."""
  from selfgait_jax.gallery import judged

  clips = common.follow(common.read(options))
  for block in judged.judge(clips, common.load(options)):
    for one in block:
      yield {
        'source': one.clip.source,
        'row': len(kept) if one.usable else None,
        'verdict': one.quality.verdict,
        'frames': len(one.clip.frames),
        'reasons': one.reasons,
      }
      if one.usable:
        kept.append(one)


def _rows(found):
  for one in found:
    row = '-' if one['row'] is None else one['row']
    yield row, one['verdict'], one['frames'], one['source']
    yield from one['reasons']
