"""The case `input` of `benchmark.py`: how fast batches reach a step."""

import argparse
import itertools
from collections.abc import Iterator

from benchmarks import loaders

WARM_UP = 8  # steps that are not timed


def options(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
    '--seconds', type=float, default=3.0, help='time for each loader'
  )
  loaders.options(parser)


def run(options: argparse.Namespace) -> Iterator[dict]:
  """Clips per second from sequences in memory into a step, for each loader.

  The time includes making and moving the batches and the step itself, which
  waits as in training. `step_ms` is such a step, `fed_ms` one whose batch is on
  the devices already, and `fed_share` is `fed_ms` / `step_ms`: what it lacks to
  1 is the cost of the batches. With the loader `device` the step itself takes
  its clips from the resident frames, in both. The case `busy` reads a profile.
  """
  for state, step, batches, describe in loaders.each_loader(options):
    ready = next(batches)
    state, *_ = loaders.train(step, state, batches, 0, WARM_UP)
    state, count, seconds = loaders.train(
      step, state, batches, options.seconds, 1
    )
    batches.close()
    _, fed_count, fed_seconds = loaders.train(
      step, state, itertools.repeat(ready), options.seconds, 1
    )
    step_ms, fed_ms = 1e3 * seconds / count, 1e3 * fed_seconds / fed_count
    yield {
      'clips_per_second': round(1e3 * options.clips / step_ms),
      'step_ms': round(step_ms, 3),
      'fed_ms': round(fed_ms, 3),
      'fed_share': round(fed_ms / step_ms, 4),
      'seconds': round(seconds, 3),
      **describe(),
    }
