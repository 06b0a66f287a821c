"""The cases `scaling` and `count` of `benchmark.py`: a step on many devices."""

import argparse
import contextlib
import json
import math
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys

import jax

from benchmarks import common, steps
from selfgait_jax import errors

PROGRAM = pathlib.Path(__file__).with_name('benchmark.py')
KINDS = 'all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute'
# In XLA's text: `%name = (f32[64]{0}, f32[64]{0}) all-reduce(`. One in two
# parts, started and done, counts where it is done, by its result's type.
COLLECTIVE = re.compile(rf' = (.+?) ({KINDS})(?:-done)?\(')
COMPUTATION = re.compile(r'(ENTRY )?%?([\w.-]+) \(.*\) -> .* \{')
# On a TPU one may also be a fusion that starts it, fusions that go on beside
# it, and one that ends it; each of them holds its text.
STARTED = re.compile(r'%async-collective-start[\w.]* = .* calls=%([\w.-]+)')
BESIDE = 'async_collective_fusion'
SHAPE = re.compile(r'(pred|[a-z]+\d+)\[([\d,]*)\]')


def scaling_options(parser):
  steps.network_options(parser)
  parser.add_argument(
    '--devices', type=_counts, default='1,2', help='of one process'
  )
  parser.add_argument(
    '--processes',
    type=_counts,
    default=[],
    help='with a device each, over loopback; none if it is not given',
  )
  add = lambda name, default, text: parser.add_argument(
    name, type=common.count, default=default, help=text
  )
  add('--sequences', 4, 'weak scaling: a device')
  add('--total', 8, 'strong scaling: in all')
  add('--frames', 10, 'a clip')
  add('--repeats', 5, 'timed steps of a case in a round')
  add('--rounds', 3, 'of all cases in turn; the median counts')
  _dtype_option(parser)


def scaling_case(options):
  """Weak and strong scaling of a step over CPU devices and processes.

  Each case is a program of its own with as many cores as it has devices, where
  there are so many; beyond that devices share cores and nothing can get
  faster. `efficiency` is frames a second and device over those of the first
  case, which for strong scaling has the same batch in all.
  """
  sizes = [(n, 1) for n in options.devices] + [
    (n, n) for n in options.processes
  ]
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
    a_device = middle['frames_per_second'] / case['devices']
    first.setdefault(case['scaling'], a_device)
    names = ('sequences', 'frames', 'dtype', 'device')
    yield case | {
      'step': options.step,
      'frames_per_second': middle['frames_per_second'],
      'seconds': middle['seconds'],
      'efficiency': round(a_device / first[case['scaling']], 3),
      'rounds': rates,
      'cores': len(_cores(0, case['devices'])),
      **{name: middle[name] for name in names},
    }


def measure(options, scaling: str, devices: int, processes: int) -> dict:
  """The line of `benchmark.py step` for one case, said by its first process."""
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


def count_options(parser):
  published_options(parser)
  parser.add_argument(
    '--devices', type=common.count, default=8, help='that share them'
  )


def published_options(parser):
  """A step and its batch, by default of the published size."""
  steps.network_options(parser)
  parser.add_argument(
    '--sequences', type=common.count, default=128, help='in all'
  )
  parser.add_argument('--frames', type=common.count, default=30, help='a clip')
  _dtype_option(parser)


def count_case(options):
  """Arithmetic and messages of a training step, counted, without running it.

  `tflop` is XLA's count (`steps.arithmetic`). The messages are those
  of the program compiled for CPU devices; a loop's body would count once (there
  is none with messages).
  """
  mesh = common.make_mesh(options.devices)
  _, make, state, step = steps.prepare(options, mesh)
  batch = make(0)
  shape_of = lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype)
  lowered = step.lower(*jax.tree.map(shape_of, (state, batch)))
  messages = count_messages(lowered.compile().as_text())
  yield {
    'step': options.step,
    'tflop': round(steps.arithmetic(step, state, batch) / 1e12, 3),
    'parameters': sum(x.size for x in jax.tree.leaves(state.params)),
    'messages': len(messages),
    'bytes': sum(size for _, size in messages),
    'below_1_mb': sum(size < 1e6 for _, size in messages),
    **{
      name: getattr(options, name)
      for name in ('sequences', 'frames', 'devices', 'dtype')
    },
  }


def count_messages(program: str) -> list[tuple[str, int]]:
  """(kind, bytes of the result) of each collective in XLA's text."""
  found, counts = [], True
  started = set(STARTED.findall(program))
  for line in program.splitlines():
    if head := COMPUTATION.match(line):
      counts = head[2] not in started and not head[2].startswith(BESIDE)
    elif counts and (match := COLLECTIVE.search(line)):
      found.append((match[2], count_bytes(match[1])))
  return found


def count_bytes(shapes: str) -> int:
  """Of all tensors in a type of XLA's text."""
  size = 0
  for dtype, sides in SHAPE.findall(shapes):
    bits = 8 if dtype == 'pred' else int(re.sub(r'\D', '', dtype))
    size += bits // 8 * math.prod(int(n) for n in sides.split(',') if n)
  return size


def _dtype_option(parser):
  parser.add_argument(
    '--dtype', choices=('float32', 'bfloat16'), default='float32'
  )


def _counts(text):
  try:
    return [common.count(part) for part in text.split(',')]
  except argparse.ArgumentTypeError as error:
    raise argparse.ArgumentTypeError(
      f'expected numbers with commas between, found {text}'
    ) from error


def _free_port():
  with socket.socket() as probe:
    probe.bind(('127.0.0.1', 0))
    return probe.getsockname()[1]


def _cores(first, count):
  """So many of this process's cores, in turn, or all if there are fewer."""
  if not hasattr(os, 'sched_getaffinity'):  # Linux alone
    return set()
  mine = sorted(os.sched_getaffinity(0))
  return {mine[(first + n) % len(mine)] for n in range(count)}


@contextlib.contextmanager
def _on_cores(cores):
  """What is started here runs on these cores; none: on any."""
  if not cores:
    yield
    return
  before = os.sched_getaffinity(0)
  os.sched_setaffinity(0, cores)
  try:
    yield
  finally:
    os.sched_setaffinity(0, before)
