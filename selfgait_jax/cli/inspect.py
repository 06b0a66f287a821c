"""Judges clips: good, doubtful or refused, with reasons.

  selfgait inspect CLIPS --out=sheet.png

A clip is a folder of PNG frames, or an array [T, H, W] in a .npy, .npz or
pickle file. The table has one row a clip: frames, usable frames, the share of
white pixels, the share of frames cut at a border, the largest piece's share of
the silhouette, the distance from where alignment puts a person in pixels, and
gait cycles seen. The sheet shows twelve frames of each clip, the worst clips
first.
"""

import argparse
import collections
import dataclasses
from typing import TYPE_CHECKING

from selfgait_jax import errors
from selfgait_jax.cli import common

if TYPE_CHECKING:
  from selfgait_jax.clips.sheet import Sheet

_TITLES = (
  'verdict', 'frames', 'usable', 'area', 'cut', 'piece', 'off', 'cycles',
  'clip',
)  # fmt: skip


def options(parser: argparse.ArgumentParser) -> None:
  common.add_inputs(parser)
  parser.add_argument('--out', metavar='SHEET.png', help='the contact sheet')
  common.add_json(parser)


def run(options: argparse.Namespace) -> None:
  from selfgait_jax.clips import sheet

  if options.out and not options.out.lower().endswith('.png'):
    raise errors.UserError(
      f'expected --out to end in .png, found {errors.printable(options.out)}'
    )
  page = sheet.Sheet()
  counts: collections.Counter[str] = collections.Counter()
  found = _judge(options, page if options.out else None, counts)
  if options.json:
    for clip, quality in found:
      record = {'source': clip.source, **dataclasses.asdict(quality)}
      common.print_json({**record, 'left_out': clip.left_out})
  else:
    common.print_table(_TITLES, _rows(found))
    listed = ', '.join(f'{n:,} {verdict}' for verdict, n in counts.items())
    print(f'{counts.total():,} clips: {listed}')
  if options.out:
    page.write(options.out)
    if not options.json:
      print(f'{len(page)} of {counts.total():,} clips in {options.out}')


def _judge(options, page: 'Sheet | None', counts):
  """Yields (clip, quality); counts verdicts and fills the sheet."""
  from selfgait_jax.clips import quality

  for clip in common.follow(common.read(options)):
    found = quality.quality(clip)
    counts[found.verdict] += 1
    if page is not None:
      page.add(clip, found)
    yield clip, found


def _rows(found):
  """A row for each clip, and below it what there is to say."""
  for clip, quality in found:
    yield (
      quality.verdict,
      quality.frames,
      quality.usable,
      quality.area,
      quality.cut,
      quality.largest_piece,
      quality.centring,
      quality.cycles,
      clip.source,
    )
    yield from dict.fromkeys((*quality.reasons, *clip.left_out))
