"""The case `count` of `benchmark.py`: arithmetic and messages of a step."""

import argparse
from collections.abc import Iterator

import jax

from benchmarks import common, program_text, training_step


def options(parser: argparse.ArgumentParser) -> None:
  training_step.published_options(parser)
  parser.add_argument(
    '--devices',
    type=common.count,
    default=8,
    help='CPU devices that share the batch',
  )


def run(options: argparse.Namespace) -> Iterator[dict]:
  """Arithmetic and messages of a training step, counted without running it.

  `tflop` is XLA's count. The messages are the collectives of the program
  compiled for CPU devices. One in a loop would count once; there is none.
  """
  mesh = common.make_mesh(options.devices)
  training = training_step.prepare(options, mesh)
  state, batch = training.make_state(), training.make_batch(0)
  flop = training_step.count_flop(training.step, state, batch)
  lowered = training.step.lower(*common.shapes((state, batch)))
  program = lowered.compile().as_text()
  sizes = [size for _, size in program_text.count_messages(program)]
  yield {
    'step': options.step,
    'tflop': round(flop / 1e12, 3),
    'parameters': sum(x.size for x in jax.tree.leaves(state.params)),
    **program_text.describe_messages(program),
    'below_1_mb': sum(size < 1e6 for size in sizes),
    **common.requested(options, 'sequences', 'frames', 'devices', 'dtype'),
  }
