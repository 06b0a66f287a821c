"""The case `scaling` of `benchmark.py`: a step on 1, 2 and more CPU devices."""

import argparse
import contextlib
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks import common, training_step
from selfgait_jax import errors

PROGRAM = pathlib.Path(__file__).parents[1] / 'benchmark.py'


def options(parser: argparse.ArgumentParser) -> None:
  training_step.network_options(parser)
  parser.add_argument(
    '--devices',
    type=_counts,
    default='1,2',
    help='numbers of devices of a single process, with commas between',
  )
  parser.add_argument(
    '--processes',
    type=_counts,
    default=[],
    help='numbers of processes with one device each, over loopback; by default '
    'none',
  )
  for name, default, text in (
    ('--sequences', 4, 'clips per device for weak scaling'),
    ('--total', 8, 'clips in all for strong scaling'),
    ('--frames', 10, 'frames in a clip'),
    ('--repeats', 5, 'timed steps of each case in each round'),
    ('--rounds', 3, 'times that all cases run in turn; the median counts'),
  ):
    parser.add_argument(name, type=common.count, default=default, help=text)
  common.dtype_option(parser)


def run(options: argparse.Namespace) -> Iterator[dict]:
  """Weak and strong scaling of a step over CPU devices and processes.

  Each case is a program of its own, on as many cores as it has devices. If the
  machine has fewer cores, devices share them, and more devices bring no speed.
  `efficiency` is frames per second and device, divided by those of the first
  case; for strong scaling that case has the same batch in all.
  """
  sizes = [(n, 1) for n in options.devices]
  sizes += [(n, n) for n in options.processes]
  cases = [
    {'scaling': scaling, 'devices': devices, 'processes': processes}
    for scaling in ('weak', 'strong')
    for devices, processes in dict.fromkeys(sizes)
  ]
  found = [[] for _ in cases]
  for number in range(options.rounds):
    order = range(len(cases))
    for place in order if number % 2 == 0 else reversed(order):
      found[place].append(measure(options, **cases[place]))
      rate = found[place][-1]['frames_per_second']
      print(
        f'round {number + 1}/{options.rounds}: {cases[place]} {rate}',
        file=sys.stderr,
      )
  first = {}
  for case, lines in zip(cases, found, strict=True):
    rates = [line['frames_per_second'] for line in lines]
    middle = lines[rates.index(statistics.median_low(rates))]
    per_device = middle['frames_per_second'] / case['devices']
    first.setdefault(case['scaling'], per_device)
    names = ('sequences', 'frames', 'dtype', 'device')
    yield case | {
      'step': options.step,
      'frames_per_second': middle['frames_per_second'],
      'seconds': middle['seconds'],
      'efficiency': round(per_device / first[case['scaling']], 3),
      'rounds': rates,
      'cores': len(_cores(0, case['devices'])),
      **{name: middle[name] for name in names},
    }


def measure(
  options: argparse.Namespace, scaling: str, devices: int, processes: int
) -> dict:
  """Runs `benchmark.py step` for one case; the line of its first process.

  Raises:
    errors.UserError: one of its processes fails.
  """
  batch = options.total if scaling == 'strong' else options.sequences * devices
  command = [
    sys.executable, str(PROGRAM), 'step', f'--step={options.step}',
    f'--sequences={batch}', f'--frames={options.frames}',
    f'--devices={devices}', f'--dtype={options.dtype}',
    f'--repeats={options.repeats}',
    *(f'--setting={setting}' for setting in options.setting),
  ]  # fmt: skip
  environment = os.environ | {'JAX_PLATFORMS': 'cpu'}
  if processes > 1:
    environment['JAX_COORDINATOR_ADDRESS'] = f'127.0.0.1:{_free_port()}'
    environment['JAX_NUM_PROCESSES'] = str(processes)
  each = devices // processes
  started = []
  try:
    for number in range(processes):
      if processes > 1:
        environment['JAX_PROCESS_ID'] = str(number)
      with _on_cores(_cores(number * each, each)):
        started.append(
          subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
          )
        )
    said = [process.communicate() for process in started]
  finally:
    for process in started:
      process.kill()
  for process, (_, words) in zip(started, said, strict=True):
    if process.returncode:
      last = words.strip().splitlines()[-1] if words.strip() else 'nothing'
      raise errors.UserError(
        f'expected a step on {devices} devices in {processes} processes, found '
        f'status {process.returncode} and {last!r}; put that right'
      )
  return json.loads(said[0][0].splitlines()[-1])


def _counts(text):
  try:
    return [common.count(part) for part in text.split(',')]
  except argparse.ArgumentTypeError as error:
    raise argparse.ArgumentTypeError(
      f'expected numbers with commas between, found {text}'
    ) from error


def _free_port():
  with socket.socket() as server:
    server.bind(('127.0.0.1', 0))
    return server.getsockname()[1]


def _cores(first, count):
  """`count` of this process's cores, counted on from `first`, or all of them.

  Empty where the system does not tell its cores.
  """
  if not hasattr(os, 'sched_getaffinity'):  # only Linux has it
    return set()
  mine = sorted(os.sched_getaffinity(0))
  return {mine[(first + n) % len(mine)] for n in range(count)}


@contextlib.contextmanager
def _on_cores(cores):
  """Processes started inside run on these cores; on any if there are none."""
  if not cores:
    yield
    return
  before = os.sched_getaffinity(0)
  os.sched_setaffinity(0, cores)
  try:
    yield
  finally:
    os.sched_setaffinity(0, before)
