"""Reads from a recorded profile how busy the devices were."""

import bisect
import os
import pathlib
import re

import jax

from selfgait_jax import errors

STEP = 'train'  # the name of a training step in a profile (train/loop.py)
GAPS = 3  # the number of longest gaps to report
# An event that occupies the GPU has one of these facts from CUPTI. CUPTI's own
# overhead, reserved memory and lines derived from the streams have none.
WORK = {'kernel_details', 'memset_details', 'cuda_graph_exec_id'}


def read(folder: str | os.PathLike) -> jax.profiler.ProfileData:
  """The newest profile below a folder.

  Raises:
    errors.UserError: the folder holds none.
  """
  found = sorted(pathlib.Path(folder).rglob('*.xplane.pb'))
  if not found:
    raise errors.UserError(
      f'expected a profile (*.xplane.pb) below {folder}, found none; change '
      'the folder, or record one with --config.log.profile_at_step'
    )
  newest = max(found, key=lambda path: path.stat().st_mtime)
  return jax.profiler.ProfileData.from_file(str(newest))


def summarise(
  profile: jax.profiler.ProfileData, steps: int | None = None
) -> dict:
  """What the least busy device did between two starts of a step.

  Each step starts while the one before still runs. So the window from the start
  of the first step to the start of the last holds whole steps, without the
  beginning of the first and the end of the last.

  Args:
    profile: of one process, with steps called `STEP`.
    steps: use only this number of steps at the end; None: all.

  Returns:
    `device_busy`: the share of the window in which the device ran an operation
    or a copy. `copying_only`: the share in which it ran copies and no
    operation. `steps`, `devices`, `step_ms` and `kernels_per_step`.
    `longest_gaps`, each with what the thread of the steps did in its middle.
    Only a GPU tells copies from kernels; elsewhere these two are None.

  Raises:
    errors.UserError: there are fewer than two steps, or no device ran anything.
  """
  starts, thread = _find_steps(profile)
  starts = starts[-(steps or len(starts)) - 1 :]
  if len(starts) < 2:
    raise errors.UserError(
      f'expected two or more steps {STEP!r} in the profile, found '
      f'{len(starts)}; change which steps are recorded'
    )
  window = starts[0], starts[-1]
  length, steps = window[1] - window[0], len(starts) - 1
  devices = {}
  for name, (operations, copies) in _device_spans(profile).items():
    idle = gaps(*window, operations + (copies or []))
    if _total(idle) < length:
      devices[name] = idle, operations, copies
  if not devices:
    planes = ', '.join(plane.name for plane in profile.planes)
    raise errors.UserError(
      'expected operations of a device between the steps of the profile, found '
      f'none in its planes {planes}; change the device or the version of JAX'
    )
  least = max(devices, key=lambda name: _total(devices[name][0]))
  idle, operations, copies = devices[least]
  copying = kernels = None
  if copies is not None:
    copying = (_total(gaps(*window, operations)) - _total(idle)) / length
    copying = round(copying, 4)
    kernels = sum(window[0] <= start < window[1] for start, _ in operations)
    kernels = round(kernels / steps)
  longest = sorted(idle, key=lambda gap: gap[0] - gap[1])[:GAPS]
  return {
    'device_busy': round(1 - _total(idle) / length, 4),
    'copying_only': copying,
    'step_ms': round(length / steps / 1e6, 3),
    'steps': steps,
    'kernels_per_step': kernels,
    'longest_gaps': [
      {'ms': round((end - start) / 1e6, 3), 'host': _host(thread, start, end)}
      for start, end in longest
    ],
    'devices': len(devices),
    'least_busy': least,
  }


def gaps(start: float, end: float, spans) -> list[tuple[float, float]]:
  """The parts of start..end that no span covers, in order.

  Spans may overlap, contain each other, and reach beyond start and end.
  """
  found = []
  for first, last in sorted(spans):
    if start < min(first, end):
      found.append((start, min(first, end)))
    start = max(start, last)
  return found + [(start, end)] * (start < end)


def _total(spans):
  return sum(end - start for start, end in spans)


def _find_steps(profile):
  """(starts of the steps in nanoseconds, events of the thread they are on)."""
  for plane in profile.planes:
    for line in plane.lines if plane.name == '/host:CPU' else ():
      events = list(line.events)
      starts = sorted(e.start_ns for e in events if e.name == STEP)
      if starts:
        return starts, events
  return [], []


def _host(events, start, end):
  """The innermost three events that cover the middle; '' if there are none."""
  middle = (start + end) / 2
  over = [e for e in events if e.start_ns <= middle < _end(e)]
  over = sorted(over, key=lambda event: event.duration_ns)[:3]
  return ' in '.join(event.name for event in over)


def _end(event):
  return event.start_ns + event.duration_ns


def _device_spans(profile):
  """{device: ((start, end) of its operations, of its copies or None)}."""
  planes = {plane.name: plane for plane in profile.planes}
  found = {}
  for name, plane in planes.items():
    if re.fullmatch(r'/device:GPU:\d+', name):
      found[name] = _gpu_spans(plane)
    elif re.fullmatch(r'/device:TPU:\d+', name):
      found[name] = _tpu_spans(plane), None
  if not found and '/host:CPU' in planes:
    found = _cpu_spans(planes['/host:CPU'])
  return found


def _gpu_spans(plane):
  """Kernels and copies; NCCL's kernels count also while they wait."""
  operations, copies = [], []
  for line in plane.lines:
    for event in line.events:
      kinds, span = dict(event.stats).keys(), (event.start_ns, _end(event))
      if 'memcpy_details' in kinds:
        copies.append(span)
      elif kinds & WORK:
        operations.append(span)
  return operations, copies


def _tpu_spans(plane):
  lines = [line for line in plane.lines if line.name == 'XLA Ops']
  return [(e.start_ns, _end(e)) for line in lines for e in line.events]


def _cpu_spans(plane):
  """Operations of the threads that act as devices, without their waits.

  An operation that continues on another thread has an event `end: NAME`.
  """
  found, ends = {}, {}
  threads = [_cpu_events(line, ends) for line in plane.lines]
  for operations, waits in threads:
    for event, stats in operations:
      spans, _ = found.setdefault(f'CPU {stats["device_ordinal"]}', ([], None))
      start, end = event.start_ns, _end(event)
      first, last = (bisect.bisect_left(waits, (x,)) for x in (start, end))
      spans += gaps(start, end, waits[first:last])
      left = ends.get(stats.get('_p'), 0)
      spans += [(end, left)] * (left > end)
  return found


def _cpu_events(thread, ends):
  """([(operation, its facts)], sorted waits) of a thread; adds to `ends`."""
  operations, waits = [], []
  for event in thread.events:
    if event.name.startswith('end: '):
      ends[dict(event.stats).get('_c')] = event.start_ns
    elif event.name.startswith('Wait'):  # for example in an all-reduce
      waits.append((event.start_ns, _end(event)))
    elif not event.name.startswith('$'):  # a Python function
      stats = dict(event.stats)
      if 'hlo_op' in stats and 'device_ordinal' in stats:
        operations.append((event, stats))
  return operations, sorted(waits)
