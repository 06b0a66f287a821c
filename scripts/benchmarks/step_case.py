"""The case `step` of `benchmark.py`: one training step."""

import argparse
import functools
import statistics
from collections.abc import Iterator

from benchmarks import beside, common, training_step
from selfgait_jax.machine import sharding

WARM_UP = 2  # steps that are not timed


def options(parser: argparse.ArgumentParser) -> None:
  training_step.network_options(parser)
  common.batch_options(parser)
  common.repeats_option(parser, 7)
  common.device_options(parser)
  beside.options(parser)


def run(options: argparse.Namespace) -> Iterator[dict]:
  """Frames per second of one training step, and milliseconds of its parts.

  A frame counts once per view. `seconds` and `frames_per_second` are of the
  step alone, with its batch already on the devices: in training the next batch
  is made and moved in the meantime. `input_ms` is the time one thread takes to
  make a batch, `transfer_ms` the time to move it to the devices.
  """
  mesh = common.make_batch_mesh(options)
  training = training_step.prepare(options, mesh)
  state = training.make_state()
  place = functools.partial(sharding.shard_batch, mesh=mesh)
  # Each process makes its part of a batch; `first` is the whole.
  first = place(training.make_batch(0))
  flop = training_step.count_flop(training.step, state, first)
  lowered = training.step.lower(state, first)
  compile_seconds, step = common.seconds(lowered.compile)
  parts = []
  for number in range(WARM_UP + options.repeats):
    input_seconds, batch = common.seconds(training.make_batch, number)
    transfer_seconds, batch = common.seconds(place, batch)
    # Waits after each step: a queue of steps on CPU devices can hang.
    step_seconds, (state, *_) = common.seconds(step, state, batch)
    parts.append((input_seconds, transfer_seconds, step_seconds))
  medians = [
    statistics.median(part) for part in zip(*parts[WARM_UP:], strict=True)
  ]
  views = training_step.STEPS[options.step][2]
  names = 'input_ms', 'transfer_ms', 'step_ms'
  yield {
    'step': options.step,
    'tflop': round(flop / 1e12, 4),
    **common.batch_line(options, mesh, medians[-1], compile_seconds, views),
    **{
      name: round(1e3 * median, 2)
      for name, median in zip(names, medians, strict=True)
    },
  }
