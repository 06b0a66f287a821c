"""The case `rates` of `benchmark.py`: what the devices can do at best."""

import jax.numpy as jnp
import numpy as np

from benchmarks import common
from selfgait_jax.machine import sharding


def rates_options(parser):
  parser.add_argument(
    '--size',
    type=common.count,
    default=4096,
    help='rows and columns of the matrices, a device',
  )
  parser.add_argument('--repeats', type=common.count, default=7, help='timed')
  common.device_options(parser)


def rates_case(options):
  """Rate of matrix products, and of reading and writing memory.

  A training step is bounded by one of the two: its `tflop` over its seconds is
  at most `matrix_tflops`.
  """
  mesh = common.make_mesh(options.devices)
  size, dtype = options.size, jnp.dtype(options.dtype)
  rows = np.ones((size * mesh.size, size), dtype)
  rows = sharding.shard_batch(rows, mesh)
  square = sharding.replicate(np.ones((size, size), dtype), mesh)
  product = sharding.compile_embed(lambda m, x, _: x @ m, mesh)
  copy = sharding.compile_embed(lambda _, x, __: x + 1, mesh)
  seconds = []
  for run in (product, copy):
    call = lambda run=run: run(square, rows, rows)
    common.median_seconds(call, 2)  # compiles, warms up
    seconds.append(common.median_seconds(call, options.repeats))
  moved = 2 * rows.nbytes  # one operand read, one result written
  yield {
    'matrix_tflops': round(2 * rows.size * size / seconds[0] / 1e12, 3),
    'memory_gb_per_second': round(moved / seconds[1] / 1e9, 1),
    'size': size,
    'dtype': options.dtype,
    **common.describe(mesh),
  }
