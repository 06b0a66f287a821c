"""The case `compile` of `benchmark.py`: a step for chips that are not here."""

import collections
import re

import jax

from benchmarks import common, scaling, steps, targets
from selfgait_jax.machine import sharding

# JAX takes so much of a GPU's memory when it starts, and no more.
GPU_SHARE = 0.75
# In XLA's text: `%name = f32[64]{0} fusion(%a, %b), kind=kLoop, ...`.
INSTRUCTION = re.compile(
  r'\s*(?:ROOT )?%?([\w.-]+) = (\(.*?\)|\S+) ([\w-]+)\(([^)]*)\)(.*)'
)
ON_CHIP = re.compile(r'\w+\[[\d,]*\]\{[^}]*S\([1-9]\d*\)\}')
FREE = {
  'parameter', 'constant', 'tuple', 'get-tuple-element', 'bitcast', 'iota',
  'after-all', 'partition-id', 'replica-id',
}  # fmt: skip
SLICES = 'slice', 'dynamic-slice'
# `Used 22.5G of 15.75G hbm`, `(48.08G) exceeds available HBM (15.75G)`.
SHORT = re.compile(
  r'([\d.]+)([KMGT])\)? (?:of|exceeds available HBM) \(?([\d.]+)([KMGT])'
)
UNITS = {'K': 2**10, 'M': 2**20, 'G': 2**30, 'T': 2**40}


def compile_options(parser):
  parser.add_argument(
    '--for',
    dest='target',
    required=True,
    help='tpu:v5e:4x4 (v5p, v6e), gpu:H200 (H100, A100; the SXM ones), '
    'gpu:H200x8 for 8 of one host, or gpu:PATH.txtpb, such as a file of '
    'xla/backends/gpu/target_config/specs in OpenXLA',
  )
  scaling.published_options(parser)


def compile_case(options):
  """Will a step's batch fit a TPU or GPU that is not here? Compiled, not run.

  Needs `pip install "jax[tpu]"` or `"jax[cuda12]"`, and no such chip. Memory
  and `traffic_gb` are of one device, `tflop` is of all.

  `peak_gb` is what XLA plans: the workspaces of cuDNN and NCCL are not in it.
  `fits` is the compiler's word for a TPU; for a GPU, whether the peak is within
  the 75 percent of its memory that JAX takes by default. `messages` are
  collectives; a loop's body counts once there and in `tflop` (`microbatches`
  are a loop). `traffic_gb` is what the instructions of the compiled program
  read and write, without what a TPU holds on the chip: of an input that is read
  in part all counts, of one that a cache serves too.
  """
  target = targets.parse(options.target)
  mesh = sharding.make_mesh(targets.devices(target))
  *_, step = steps.parts(options, mesh)
  # The state is made here: nothing can be placed on devices that are not.
  here = sharding.make_mesh(jax.devices()[:1])
  _, make, state, step_here = steps.prepare(options, here)
  batch = make(0)
  flops = steps.arithmetic(step_here, state, batch)
  shape_of = lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype)
  shapes = jax.tree.map(shape_of, (state, batch))
  platforms = (target.platform,)
  lowered = step.trace(*shapes).lower(lowering_platforms=platforms)
  found = {
    'target': options.target,
    'device': mesh.devices[0].device_kind,
    'devices': mesh.size,
    **{
      name: getattr(options, name)
      for name in ('step', 'setting', 'sequences', 'frames', 'dtype')
    },
    'tflop': round(flops / 1e12, 3),
  }
  try:
    seconds, compiled = common.seconds(lowered.compile)
  except jax.errors.JaxRuntimeError as error:
    if 'RESOURCE_EXHAUSTED' not in str(error):
      raise
    yield found | {'fits': False, **needed(str(error))}
    return
  memory = compiled.memory_analysis()
  program = compiled.as_text()
  messages = scaling.count_messages(program)
  peak = memory.peak_memory_in_bytes
  if target.memory:
    found['memory_gb'] = _gb(target.memory)
  yield found | {
    'fits': not target.memory or peak <= GPU_SHARE * target.memory,
    'peak_gb': _gb(peak),
    'argument_gb': _gb(memory.argument_size_in_bytes),
    'temporary_gb': _gb(memory.temp_size_in_bytes),
    'messages': len(messages),
    'bytes': sum(size for _, size in messages),
    'traffic_gb': _gb(count_traffic(program)),
    'compile_seconds': round(seconds, 1),
  }


def needed(message: str) -> dict:
  """What a TPU's compiler says is missing: {'needs_gb', 'memory_gb'} or {}."""
  if not (match := SHORT.search(message)):
    return {}
  needs, needs_unit, has, has_unit = match.groups()
  return {
    'needs_gb': _gb(float(needs) * UNITS[needs_unit]),
    'memory_gb': _gb(float(has) * UNITS[has_unit]),
  }


def count_traffic(program: str) -> int:
  """Bytes that the instructions of XLA's text read and write.

  What is inside a fusion stays in registers. A loop counts as often as it runs
  where the text says so, else once. Tensors in a memory space of their own
  (`S(1)`), as a TPU has it on the chip, count nothing.
  """
  computations, lines = collections.defaultdict(list), []
  for line in program.splitlines():
    if head := scaling.COMPUTATION.match(line):
      lines = computations['ENTRY' if head[1] else head[2]]
    elif match := INSTRUCTION.match(line):
      lines.append(match.groups())
  return _traffic('ENTRY', computations)


def _traffic(name, computations):
  total, types, started = 0, {}, {}
  for result, shapes, kind, arguments, rest in computations[name]:
    types[result] = shapes
    operands = re.findall(r'%([\w.-]+)', arguments)
    if kind.endswith('-start'):
      started[result] = operands
    elif kind in ('while', 'call'):
      body = re.search(r'(?:body|to_apply)=%([\w.-]+)', rest)
      times = re.search(r'known_trip_count":\{"n":"(\d+)"', rest)
      total += int(times[1] if times else 1) * _traffic(body[1], computations)
    elif kind not in FREE:
      if kind.endswith('-done'):
        operands = started.get(operands[0], [])
        kind = kind.removesuffix('-done')
      read = [_outside(types.get(operand, '')) for operand in operands]
      if kind in SLICES:  # it reads no more than it returns
        read = [min(read[0], scaling.count_bytes(shapes))]
      total += sum(read) + _outside(shapes)
  return total


def _outside(shapes):
  return scaling.count_bytes(ON_CHIP.sub('', shapes))


def _gb(size):
  return round(size / 1e9, 2)
