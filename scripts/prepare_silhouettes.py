"""Silhouette files to a TFDS data set, and to one packed file on request.

Expects PNG masks or OpenGait pickles in folders subject/condition/view, or as
OU-MVLP and GREW are downloaded. Can be killed at any time: the same
command continues where it stopped.

`--dataset=own` takes any names in folders subject/walk or
subject/condition/view, and clips of unknown people in unlabelled/clip
(docs/own.md). It draws who is tested and writes own.json, a partition file.
"""

import argparse
import os
import pathlib
import sys

# Runs from a clone, without installation.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from selfgait_jax.machine import signals

if __name__ == '__main__':
  signals.answer('the same command continues where it stopped')

from selfgait_jax import errors
from selfgait_jax.data import datasets, loading, packed
from selfgait_jax.data.prepare import (
  own_split,
  preparation,
  summaries,
  trees,
)

SHOWN = 10  # of the refused files, in the closing message
LONGEST_LINE = 1000  # characters


def main() -> int:
  """Returns 1, after one sentence, if nothing could be prepared."""
  options = _parse()
  try:
    _prepare(options)
  except errors.UserError as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  except OSError as error:  # a full disk, for example
    sentence = (
      f'expected to write {options.output}, found: {error}; put that right,'
      ' and the same command continues'
    )
    print(f'error: {errors.UserError(sentence)}', file=sys.stderr)
    return 1
  return 0


def _prepare(options):
  own_split.check(options.test_share)
  facts = datasets.BY_OPTION[options.dataset]
  source = trees.open_tree(
    facts, options.input, options.format, options.aligned
  )
  kind = 'pickles' if source.format == 'pickle' else 'PNG files'
  _say(f'{facts.title}: {kind} in {source.root} to {options.output}')
  summary = preparation.prepare(
    source,
    options.output,
    options.workers,
    overwrite='always' if options.overwrite else 'never',
    report=_say,
  )
  for line in summaries.describe(summary):
    _say(line)
  if facts is datasets.OWN:
    _split(options)
  if options.pack:
    _say(f'packing {options.pack}')
    records = loading.read_records(facts.name, options.output)
    size = packed.write(records, options.pack, facts.name)
    _say(f'{options.pack}: {size / 1e6:.0f} MB')
  refused = summaries.read_refused(options.output, facts.name)
  for entry in refused[:SHOWN]:
    _say(f'refused {errors.printable(entry["file"])}: {entry["reason"]}')
  note = (
    f'; {len(refused):,} files or folders were refused: {summaries.REFUSED}'
    ' there lists them all; add --overwrite once they are repaired'
    if refused
    else ''
  )
  _say(f'{summary["sequences"]:,} sequences in {options.output}{note}')


def _split(options):
  """Writes who trains and who is tested; a file that is there may be edited."""
  path = pathlib.Path(options.output).expanduser() / own_split.FILE
  if path.exists() and not options.overwrite:
    _say(f'{path}: kept; add --overwrite to draw again')
    return
  records = loading.read_records(datasets.OWN.name, options.output)
  names = [record.subject for record in records]
  train, test = own_split.write(path, names, options.test_share, options.seed)
  unknown = names.count(datasets.UNLABELLED)
  note = f', {unknown:,} clips without a name' if unknown else ''
  _say(f'{path}: {len(train)} people to train on, {len(test)} to test{note}')


def _say(line):
  print(errors.printable(line, LONGEST_LINE), flush=True)


def _parse():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  add = parser.add_argument
  add('--dataset', required=True, choices=sorted(datasets.BY_OPTION))
  add('--input', required=True, help='folder that holds the subjects')
  add('--output', required=True, help='TFDS data directory (config.data_dir)')
  add('--format', default='auto', choices=('auto', 'png', 'pickle'))
  add(
    '--aligned',
    action='store_true',
    help='the PNG files are 64 x 64 already; take them as they are',
  )
  add('--workers', type=int, default=os.cpu_count(), help='number of processes')
  add(
    '--test-share',
    type=float,
    default=0.3,
    help='own: share of the people to test',
  )
  add('--seed', type=int, default=0, help='own: of the draw of these people')
  add('--pack', help='also write this .npz (config.data.packed_file)')
  add(
    '--overwrite',
    action='store_true',
    help='prepare again even if the data set is complete',
  )
  return parser.parse_args()


if __name__ == '__main__':
  sys.exit(main())
