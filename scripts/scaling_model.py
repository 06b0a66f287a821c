"""Estimates step time and efficiency on many devices; prints tables.

  python scripts/scaling_model.py

These are the tables of docs/scaling.md. The model needs neither JAX nor a
device. It combines counts of our own steps (`benchmark.py count`), published
rates of chips and links, and the assumptions below.
"""

import dataclasses
import math

DEVICES = (1, 8, 64, 512)
BATCH = 128  # clips, as published: 8 subjects x 16 sequences of 30 frames
# Assumptions: the shares of a chip's peak and of its links' peak that a step
# reaches, the seconds of a hop between two chips, and the additional seconds of
# a message between hosts.
FRACTIONS, LINK_SHARE, HOP, LAUNCH = (0.2, 0.4), 0.7, 1e-6, 10e-6
# Each pass of the triplet count over scores [P, B, B] reads the float32 scores
# twice, and reads and writes the int32 counts. There is one pass for each
# sample of an identity: 16 in the published batch, and also in a larger one.
TRIPLET_BYTES, SEQUENCES = 16, 16
EXACT = 6  # bfloat16 passes of a float32 product


@dataclasses.dataclass(frozen=True)
class Step:
  """Counts of a training step, from `benchmark.py count --step=NAME`."""

  name: str
  flop: float  # per clip of 30 frames
  gradient: int  # bytes: parameters x 4
  small: int  # collectives besides the gradient's, on the critical path
  parts: int = 0  # of an embedding in the triplet loss; 0: no such loss
  features: int = 0


@dataclasses.dataclass(frozen=True)
class Chip:
  """Published rates in FLOP/s and, for one direction, bytes/s."""

  name: str
  flops: float  # bfloat16, dense
  memory: float
  inner: float  # links of a chip within its group
  group: int  # chips that these links connect
  outer: float  # share of a chip in the network between groups
  torus: int  # number of axes; 0: a switch


SELFGAIT = Step('SelfGait, two views', 6.188e12 / 128, 4 * 2206944, 12)
DEEPGAIT = Step(
  'DeepGaitV2-P3D', 29.926e12 / 128, 4 * 8339392, 31, parts=16, features=256
)
V5E = Chip('TPU v5e', 197e12, 819e9, 200e9, 256, 3.125e9, torus=2)
V5P = Chip('TPU v5p', 459e12, 2765e9, 600e9, 8960, 6.25e9, torus=3)
H200 = Chip('H200', 989e12, 4800e9, 450e9, 8, 50e9, torus=0)
CHIPS = V5E, V5P, H200


def all_reduce(chip: Chip, devices: int, size: float) -> float:
  """Seconds of a ring in each group and one between groups, on shards."""
  inside = min(devices, chip.group)
  groups = math.ceil(devices / inside)
  share = LINK_SHARE
  seconds = 2 * (inside - 1) / inside * size / (share * chip.inner)
  seconds += 2 * (groups - 1) / groups * size / inside / (share * chip.outer)
  return seconds + latency(chip, devices)


def latency(chip: Chip, devices: int) -> float:
  """Seconds of a collective that moves nothing."""
  if devices == 1:
    return 0.0
  inside = min(devices, chip.group)
  groups = math.ceil(devices / inside)
  if chip.torus:  # half way round each axis and back
    hops = chip.torus * inside ** (1 / chip.torus)
    return HOP * hops + (LAUNCH * math.log2(groups) if groups > 1 else 0)
  return LAUNCH + 2 * HOP * math.log2(devices)  # a tree, there and back


def step_seconds(step, chip, devices, clips, fraction, overlap) -> dict:
  """Seconds of the parts of a step with `clips` clips per device.

  Args:
    fraction: of the chip's peak that the network reaches.
    overlap: the gradient's all-reduce runs during the backward pass, which is
      two thirds of the compute.
  """
  compute = step.flop * clips / (fraction * chip.flops)
  batch = clips * devices
  triplets = exchange = 0.0
  if step.parts:
    scores = step.parts * clips * batch  # rows of [P, B, B] on one device
    triplets = TRIPLET_BYTES * scores * min(SEQUENCES, batch) / chip.memory
    flop = EXACT * 6 * scores * step.features  # forward and backward
    triplets += flop / (fraction * chip.flops)
    # Gathers embeddings forward and backward, and sums their gradients.
    rows = 4 * step.parts * step.features * batch
    exchange = 2 * all_reduce(chip, devices, rows)
  gradient = all_reduce(chip, devices, step.gradient)
  if overlap:
    gradient = max(0.0, gradient - 2 / 3 * compute)
  small = step.small * latency(chip, devices)
  parts = {
    'compute': compute,
    'gradient': gradient,
    'small': small + exchange,
    'triplets': triplets,
  }
  return parts | {'total': sum(parts.values())}


def efficiency(step, chip, devices, clips, fraction, overlap, strong=False):
  """Clips per second and device, divided by those of one device alone.

  Each device has `clips` clips; for strong scaling one device has all of them.
  """
  args = fraction, overlap
  alone = clips * devices if strong else clips
  one = step_seconds(step, chip, 1, alone, *args)['total'] / alone
  return one * clips / step_seconds(step, chip, devices, clips, *args)['total']


def efficiency_table(step):
  """Milliseconds on 1, 8, 64, 512 devices; efficiency (%) on the last three."""
  low, high = FRACTIONS
  shown = (high, False), (high, True), (low, False)
  yield '| chip | clips | ms, 40 % | 40 % | 40 %, overlap | 20 % |'
  yield '| --- | --- | --- | --- | --- | --- |'
  for chip in CHIPS:
    for title, clips in (
      ('128 a device', [BATCH] * 4),
      ('16 a device', [16] * 4),
      ('128 in all', [BATCH // devices for devices in DEVICES]),
    ):
      strong = title.endswith('all')
      sizes = [(n, m) for n, m in zip(DEVICES, clips, strict=True) if m]
      steps = [step_seconds(step, chip, *size, *shown[0]) for size in sizes]
      cells = [_cell(1e3 * split['total'] for split in steps)] + [
        _cell(
          100 * efficiency(step, chip, *size, *how, strong)
          for size in sizes[1:]
        )
        for how in shown
      ]
      yield f'| {chip.name} | {title} | {" | ".join(cells)} |'


def parts_table(step):
  """Milliseconds of a step's parts at 16 clips a device and 40 % of peak."""
  yield '| chip | devices | compute | gradient | small | triplets | in all |'
  yield '| --- | ---: | ---: | ---: | ---: | ---: | ---: |'
  for chip in CHIPS:
    for devices in DEVICES[2:]:
      found = step_seconds(step, chip, devices, 16, FRACTIONS[1], False)
      cells = ' | '.join(f'{1e3 * part:.3g}' for part in found.values())
      yield f'| {chip.name} | {devices} | {cells} |'


def limits_table(step):
  """Clips a device, 1 to 1024, at 50 % efficiency or more (40 % of peak)."""
  yield '| chip | on 8 | on 64 | on 512 | on 512, overlap | 128 in all, on |'
  yield '| --- | --- | --- | --- | --- | --- |'
  for chip in CHIPS:
    good = lambda devices, clips, overlap=False, strong=False, chip=chip: (
      efficiency(step, chip, devices, clips, FRACTIONS[1], overlap, strong)
      >= 0.5
    )
    cells = []
    for devices, overlap in (
      (8, False),
      (64, False),
      (512, False),
      (512, True),
    ):
      clips = [m for m in range(1, 1025) if good(devices, m, overlap)]
      cells.append(f'{clips[0]} to {clips[-1]}' if clips else 'never')
    shares = [2**power for power in range(8)]  # of 128 clips
    most = max(n for n in shares if good(n, BATCH // n, strong=True))
    yield f'| {chip.name} | {" | ".join(cells)} | up to {most} |'


def _cell(values):
  return ' / '.join(f'{value:.3g}' for value in values)


def main():
  for step in (SELFGAIT, DEEPGAIT):
    for table in (efficiency_table, parts_table, limits_table):
      print(f'\n{step.name}: {table.__doc__}\n')
      print('\n'.join(table(step)))


if __name__ == '__main__':
  main()
