"""The case `compile` of `benchmark.py`: a step for chips that are not here."""

import argparse
import re
from collections.abc import Iterator

import jax

from benchmarks import common, program_text, targets, training_step
from selfgait_jax.machine import sharding

# JAX reserves this share of a GPU's memory when it starts.
GPU_SHARE = 0.75
# `Used 22.5G of 15.75G hbm`, `(48.08G) exceeds available HBM (15.75G)`.
SHORT = re.compile(
  r'([\d.]+)([KMGT])\)? (?:of|exceeds available HBM) \(?([\d.]+)([KMGT])'
)
UNITS = {'K': 2**10, 'M': 2**20, 'G': 2**30, 'T': 2**40}


def options(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
    '--for',
    dest='target',
    required=True,
    help='tpu:v5e:4x4 (also v5p, v6e); gpu:H200 (also H100, A100; the SXM '
    'models); gpu:H200x8 for 8 in one host; or gpu:PATH.txtpb, a description '
    'such as those in xla/backends/gpu/target_config/specs of OpenXLA',
  )
  training_step.published_options(parser)


def run(options: argparse.Namespace) -> Iterator[dict]:
  """Whether a step fits a TPU or GPU that is not here: compiled, not run.

  Needs `pip install "jax[tpu]"` or `"jax[cuda12]"`, but no such chip. Memory
  and `traffic_gb` are of one device, `tflop` of all.

  `peak_gb` is what XLA plans, without the workspaces of cuDNN and NCCL. `fits`
  is the compiler's verdict for a TPU. For a GPU it says whether the peak is
  within the 75 percent of memory that JAX takes by default. `messages` are
  collectives. A loop's body counts once, there and in `tflop` (`microbatches`
  are a loop). `traffic_gb` is what the instructions of the compiled program
  read and write, without what a TPU holds on the chip. It counts the whole of
  an input that is read in part, and reads that a cache would serve.
  """
  target = targets.parse(options.target)
  mesh = sharding.make_mesh(targets.devices(target))
  training = training_step.prepare(options, mesh)
  # State and batch are made on this machine: nothing can be placed on devices
  # that do not exist.
  here = training_step.prepare(options, sharding.make_mesh(jax.devices()[:1]))
  state, batch = here.make_state(), here.make_batch(0)
  flop = training_step.count_flop(here.step, state, batch)
  traced = training.step.trace(*common.shapes((state, batch)))
  lowered = traced.lower(lowering_platforms=(target.platform,))
  found = {
    'target': options.target,
    'device': mesh.devices[0].device_kind,
    'devices': mesh.size,
    **common.requested(
      options, 'step', 'setting', 'sequences', 'frames', 'dtype'
    ),
    'tflop': round(flop / 1e12, 3),
  }
  try:
    seconds, compiled = common.seconds(lowered.compile)
  except jax.errors.JaxRuntimeError as error:
    if 'RESOURCE_EXHAUSTED' not in str(error):
      raise
    yield found | {'fits': False, **missing_memory(str(error))}
    return
  memory = compiled.memory_analysis()
  program = compiled.as_text()
  peak = memory.peak_memory_in_bytes
  if target.memory:
    found['memory_gb'] = common.gigabytes(target.memory)
  yield found | {
    'fits': not target.memory or peak <= GPU_SHARE * target.memory,
    'peak_gb': common.gigabytes(peak),
    'argument_gb': common.gigabytes(memory.argument_size_in_bytes),
    'temporary_gb': common.gigabytes(memory.temp_size_in_bytes),
    **program_text.describe_messages(program),
    'traffic_gb': common.gigabytes(program_text.count_traffic(program)),
    'compile_seconds': round(seconds, 1),
  }


def missing_memory(message: str) -> dict:
  """'needs_gb' and 'memory_gb' from the complaint of a TPU's compiler.

  {} if the message does not name them.
  """
  if not (match := SHORT.search(message)):
    return {}
  needs, needs_unit, has, has_unit = match.groups()
  return {
    'needs_gb': common.gigabytes(float(needs) * UNITS[needs_unit]),
    'memory_gb': common.gigabytes(float(has) * UNITS[has_unit]),
  }
