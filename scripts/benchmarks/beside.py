"""Times a case and another program in turn, in one run, and gives the ratio."""

import json
import shlex
import statistics
import subprocess
import sys

from benchmarks import common
from selfgait_jax import errors


def options(parser):
  parser.add_argument(
    '--beside',
    metavar='COMMAND',
    help='another program, run in turn with this one; it prints one JSON line '
    'with frames_per_second',
  )
  parser.add_argument(
    '--rounds',
    type=common.count,
    default=5,
    help='of --beside; the median counts',
  )


def compare(command: str, rounds: int):
  """Yields the lines of this program's own case, each with the ratio.

  Both run as processes of their own, one after the other, so that they never
  share the cores; who is first changes from round to round.

  Args:
    command: the other program.
    rounds: of both.

  Yields:
    A line of the middle round, with `ratio`, the median of `ratios` (frames a
    second of this program over the other's, in each round), and
    `beside_frames_per_second` of the same round.

  Raises:
    errors.UserError: one of the programs fails, or says no frames_per_second.
  """
  # The last --beside counts: without one, the case itself is run.
  own = [sys.executable, *sys.orig_argv[1:], '--beside=']
  other = shlex.split(command)
  pairs = []
  for number in range(rounds):
    found = {}
    for who in ('other', 'own') if number % 2 == 0 else ('own', 'other'):
      found[who] = _run(own if who == 'own' else other)
    pairs.append((found['own'], found['other'][-1]))
    rates = [line['frames_per_second'] for line in found['own']]
    theirs = found['other'][-1]['frames_per_second']
    print(
      f'round {number + 1}/{rounds}: {rates} frames/s beside {theirs}',
      file=sys.stderr,
    )
  for place in range(len(pairs[0][0])):
    lines = [(own[place], other) for own, other in pairs]
    ratios = [
      line['frames_per_second'] / other['frames_per_second']
      for line, other in lines
    ]
    middle = sorted(range(rounds), key=ratios.__getitem__)[(rounds - 1) // 2]
    line, other = lines[middle]
    yield line | {
      'ratio': round(statistics.median(ratios), 3),
      'ratios': [round(ratio, 3) for ratio in ratios],
      'beside': command,
      'beside_frames_per_second': other['frames_per_second'],
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
