"""Times a case and another program in turn and reports the ratio."""

import argparse
import json
import shlex
import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks import common
from selfgait_jax import errors


def options(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
    '--beside',
    metavar='COMMAND',
    help='run this program in turn with the case; it prints one JSON line with '
    'frames_per_second',
  )
  parser.add_argument(
    '--rounds',
    type=common.count,
    default=5,
    help='rounds of --beside; the median counts',
  )


def compare(command: str, rounds: int) -> Iterator[dict]:
  """Yields the lines of this program's own case, each with the ratio.

  Both run as processes of their own, one after the other, so that they never
  compete for cores. The one that starts changes from round to round.

  Args:
    command: the other program.
    rounds: how often both run.

  Yields:
    A line of the middle round, with `ratio`, the median of `ratios` (frames
    per second of this program divided by the other's, in each round), and
    `beside_frames_per_second` of the same round.

  Raises:
    errors.UserError: one of the programs fails or prints no frames_per_second.
  """
  # The last --beside counts: an empty one runs the case itself.
  own = [sys.executable, *sys.orig_argv[1:], '--beside=']
  programs = {'own': own, 'other': shlex.split(command)}
  pairs = []
  for number in range(rounds):
    order = ('other', 'own') if number % 2 == 0 else ('own', 'other')
    found = {name: _run(programs[name]) for name in order}
    ours, theirs = found['own'], found['other'][-1]
    pairs.append((ours, theirs))
    rates = [line['frames_per_second'] for line in ours]
    print(
      f'round {number + 1}/{rounds}: {rates} frames/s beside '
      f'{theirs["frames_per_second"]}',
      file=sys.stderr,
    )
  for place in range(len(pairs[0][0])):
    lines = [(ours[place], theirs) for ours, theirs in pairs]
    ratios = [
      line['frames_per_second'] / theirs['frames_per_second']
      for line, theirs in lines
    ]
    middle = sorted(range(rounds), key=ratios.__getitem__)[(rounds - 1) // 2]
    line, theirs = lines[middle]
    yield line | {
      'ratio': round(statistics.median(ratios), 3),
      'ratios': [round(ratio, 3) for ratio in ratios],
      'beside': command,
      'beside_frames_per_second': theirs['frames_per_second'],
    }


def _run(command):
  """The JSON lines with `frames_per_second` that a program prints."""
  try:
    ended = subprocess.run(command, capture_output=True, text=True)
  except OSError as error:
    raise errors.UserError(
      f'expected a program, found {error}; change --beside'
    ) from error
  lines = [
    json.loads(line)
    for line in ended.stdout.splitlines()
    if line.startswith('{') and '"frames_per_second"' in line
  ]
  if ended.returncode or not lines:
    said = ended.stderr.strip() or ended.stdout.strip() or 'nothing'
    raise errors.UserError(
      'expected a JSON line with frames_per_second from '
      f'{shlex.join(command)}, found status {ended.returncode} and '
      f'{said.splitlines()[-1]!r}; put that right'
    )
  return lines
