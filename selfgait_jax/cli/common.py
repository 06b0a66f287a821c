"""What subcommands share: their inputs, the embedder, tables and progress."""

import argparse
import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from selfgait_jax import errors
from selfgait_jax.machine import progress

if TYPE_CHECKING:  # numpy and JAX take seconds to import
  from selfgait_jax.clips.clip import Clip
  from selfgait_jax.clips.reading import Clips
  from selfgait_jax.embedder import Embedder

_T = TypeVar('_T')
_MEASURED = 50  # rows of a table that decide how wide its columns are
_LONGEST_CELL = 120  # characters


def add_inputs(parser: argparse.ArgumentParser) -> None:
  """Adds INPUT... and --align, which `read` reads."""
  parser.add_argument(
    'inputs',
    nargs='+',
    metavar='INPUT',
    help='a folder of PNG frames, a folder of such folders, or a file .npy, '
    '.npz, .pkl or .png',
  )
  add_align(parser)


def add_align(parser: argparse.ArgumentParser) -> None:
  """Adds --align, which `read` reads too."""
  parser.add_argument(
    '--align',
    default='auto',
    choices=('auto', 'always', 'never'),
    help='auto (the default) takes 64 x 64 and 64 x 44 pixels as they are and '
    'aligns other sizes; always aligns all; never leaves other sizes out',
  )


def read(options: argparse.Namespace) -> 'Clips':
  """The clips of the inputs; raises UserError if there are none."""
  from selfgait_jax.clips import reading

  return reading.read_clips(options.inputs, options.align)


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
  """Adds --checkpoint and --no-cache, which `load` reads."""
  parser.add_argument(
    '--checkpoint',
    default='walkers',
    help="a checkpoint or an exported folder; 'walkers' (the default) comes "
    'with the package and is a demonstration',
  )
  parser.add_argument(
    '--no-cache',
    action='store_true',
    help='compile anew; otherwise compiled programs are kept in your cache '
    'folder for the next time',
  )


def load(options: argparse.Namespace) -> 'Embedder':
  """The embedder of --checkpoint; raises UserError if there is none."""
  from selfgait_jax import embedder
  from selfgait_jax.machine import compile_cache

  if not options.no_cache:
    compile_cache.use()
  return embedder.load_embedder(options.checkpoint)


def add_json(parser: argparse.ArgumentParser) -> None:
  """Adds --json, for one object a line by `print_json`."""
  parser.add_argument(
    '--json', action='store_true', help='print one JSON object a line'
  )


def print_json(record: dict[str, Any]) -> None:
  """Prints an object on one line, in ASCII."""
  print(json.dumps(record), flush=True)


def print_table(
  titles: Sequence[str], rows: Iterable[Sequence[object] | str]
) -> None:
  """Prints rows as they come, numbers to the right and text to the left.

  Args:
    titles: of the columns.
    rows: cells, or a line of text that stands below the row before it.
  """
  rows = iter(rows)
  first = list(itertools.islice(rows, _MEASURED))
  cells = [_cells(row) for row in first if not isinstance(row, str)]
  widths = [
    max(map(len, column)) for column in zip(titles, *cells, strict=True)
  ]
  numbers = [
    any(not isinstance(row, str) and _is_number(row[i]) for row in first)
    for i in range(len(titles))
  ]

  def line(texts):
    padded = (
      text.rjust(width) if number else text.ljust(width)
      for text, width, number in zip(texts, widths, numbers, strict=True)
    )
    return '  '.join(padded).rstrip()

  print(line(titles))
  for row in itertools.chain(first, rows):
    if isinstance(row, str):
      print(f'  {errors.printable(row, errors.LONGEST_MESSAGE)}', flush=True)
    else:
      print(line(_cells(row)), flush=True)


def follow(clips: 'Clips') -> 'Iterator[Clip]':
  """Passes clips on; says on standard error how long the rest takes."""
  return follow_all(clips, len(clips), 'clips')


def follow_all(items: Iterable[_T], total: int, unit: str) -> Iterator[_T]:
  """As `follow`, for `total` things called `unit`; 0 if nobody knows."""
  counter, said = progress.Counter(total, unit), False
  for number, item in enumerate(items, 1):
    yield item
    text = counter.add()
    if text and (said or number != total):
      said = True
      print(text, file=sys.stderr, flush=True)


def _cells(row):
  return [
    f'{cell:.2f}'
    if isinstance(cell, float)
    else errors.printable(cell, _LONGEST_CELL)
    for cell in row
  ]


def _is_number(cell):
  return isinstance(cell, (int, float))
