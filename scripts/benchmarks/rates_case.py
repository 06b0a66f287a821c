"""The case `rates` of `benchmark.py`: the best that the devices can do."""

import argparse
from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np

from benchmarks import common
from selfgait_jax.machine import sharding

WARM_UP = 2  # runs that are not timed; the first compiles


def options(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
    '--size',
    type=common.count,
    default=4096,
    help='rows and columns of the matrices of each device',
  )
  common.repeats_option(parser, 7)
  common.device_options(parser)


def run(options: argparse.Namespace) -> Iterator[dict]:
  """Speed of matrix products, and of reading and writing memory.

  One of the two bounds every training step: its `tflop` per second is at most
  `matrix_tflops`.
  """
  mesh = common.make_mesh(options.devices)
  size, dtype = options.size, jnp.dtype(options.dtype)
  rows = np.ones((size * mesh.size, size), dtype)
  rows = sharding.shard_batch(rows, mesh)
  square = sharding.replicate(np.ones((size, size), dtype), mesh)
  product = sharding.compile_embed(lambda m, x, _: x @ m, mesh)
  copy = sharding.compile_embed(lambda _, x, __: x + 1, mesh)
  seconds = []
  for function in (product, copy):
    call = lambda function=function: function(square, rows, rows)
    common.median_seconds(call, WARM_UP)
    seconds.append(common.median_seconds(call, options.repeats))
  moved = 2 * rows.nbytes  # one operand read, one result written
  yield {
    'matrix_tflops': round(2 * rows.size * size / seconds[0] / 1e12, 3),
    'memory_gb_per_second': round(moved / seconds[1] / 1e9, 1),
    **common.requested(options, 'size', 'dtype'),
    **common.describe(mesh),
  }
