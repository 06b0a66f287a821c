"""Counts collectives and memory traffic in the text of a compiled program."""

import collections
import math
import re

KINDS = 'all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute'
# A collective in XLA's text: `%name = (f32[64]{0}, f32[64]{0}) all-reduce(`.
# One that is started and done in two instructions counts where it is done, by
# the type of its result.
COLLECTIVE = re.compile(rf' = (.+?) ({KINDS})(?:-done)?\(')
COMPUTATION = re.compile(r'(ENTRY )?%?([\w.-]+) \(.*\) -> .* \{')
# A TPU may instead start one in a fusion, continue it beside the work of other
# fusions, and end it in another fusion. Each of them repeats its text; only the
# one that ends it counts.
STARTED = re.compile(r'%async-collective-start[\w.]* = .* calls=%([\w.-]+)')
BESIDE = 'async_collective_fusion'
SHAPE = re.compile(r'(pred|[a-z]+\d+)\[([\d,]*)\]')
# An instruction: `%name = f32[64]{0} fusion(%a, %b), kind=kLoop, ...`.
INSTRUCTION = re.compile(
  r'\s*(?:ROOT )?%?([\w.-]+) = (\(.*?\)|\S+) ([\w-]+)\(([^)]*)\)(.*)'
)
# A tensor in a memory space other than the main one, such as `S(1)`.
ON_CHIP = re.compile(r'\w+\[[\d,]*\]\{[^}]*S\([1-9]\d*\)\}')
# Instructions that neither read nor write memory.
FREE = {
  'parameter', 'constant', 'tuple', 'get-tuple-element', 'bitcast', 'iota',
  'after-all', 'partition-id', 'replica-id',
}  # fmt: skip
SLICES = 'slice', 'dynamic-slice'


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


def describe_messages(program: str) -> dict:
  """The number of collectives and their bytes, for a JSON line."""
  sizes = [size for _, size in count_messages(program)]
  return {'messages': len(sizes), 'bytes': sum(sizes)}


def count_bytes(shapes: str) -> int:
  """The size of all tensors in a type of XLA's text."""
  size = 0
  for dtype, sides in SHAPE.findall(shapes):
    bits = 8 if dtype == 'pred' else int(re.sub(r'\D', '', dtype))
    size += bits // 8 * math.prod(int(n) for n in sides.split(',') if n)
  return size


def count_traffic(program: str) -> int:
  """Bytes that the instructions in XLA's text read and write.

  What is inside a fusion stays in registers and does not count. A loop counts
  as often as it runs if the text says how often, else once. Tensors in another
  memory space (`S(1)`), which a TPU holds on the chip, do not count.
  """
  computations, lines = collections.defaultdict(list), []
  for line in program.splitlines():
    if head := COMPUTATION.match(line):
      lines = computations['ENTRY' if head[1] else head[2]]
    elif match := INSTRUCTION.match(line):
      lines.append(match.groups())
  return _traffic('ENTRY', computations)


def _traffic(name, computations):
  """Bytes that one computation and those it calls read and write."""
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
      read = [_off_chip(types.get(operand, '')) for operand in operands]
      if kind in SLICES:  # it reads only what it returns
        read = [min(read[0], count_bytes(shapes))]
      total += sum(read) + _off_chip(shapes)
  return total


def _off_chip(shapes):
  return count_bytes(ON_CHIP.sub('', shapes))
