"""How busy the devices were, from made-up profiles of GPU, TPU and CPU."""

from types import SimpleNamespace

import pytest
from benchmarks import profiles

from selfgait_jax import errors


def event(name, start, end, **facts):
  """From `start` to `end` in milliseconds."""
  return SimpleNamespace(
    name=name, start_ns=start * 1e6, duration_ns=(end - start) * 1e6,
    stats=facts.items(),
  )  # fmt: skip


def make_profile(planes):
  """{plane: {line: events}}, with steps that start at 0, 10 and 20 ms."""
  steps = [event('train', start, start + 1) for start in (0, 10, 20)]
  host = {'python': [*steps, event('batch', 2, 9)]}
  planes = planes | {'/host:CPU': planes.get('/host:CPU', {}) | host}
  named = lambda name, **facts: SimpleNamespace(name=name, **facts)
  return SimpleNamespace(
    planes=[
      named(plane, lines=[named(x, events=lines[x]) for x in lines])
      for plane, lines in planes.items()
    ]
  )


def test_gpu_is_busy_with_kernels_and_copies():
  kernel, copy = {'kernel_details': 1}, {'memcpy_details': 1}
  compute = [
    event('gemm', -3, 2, **kernel),
    event('add', 1, 3, **kernel),
    event('gemm', 8, 16, **kernel),
    event('add', 20, 24, **kernel),
  ]
  copies = [event('H2D', 2, 4, **copy), event('H2D', 9, 10, **copy)]
  found = profiles.summarise(
    make_profile(
      {
        '/device:GPU:0': {'Stream #7': [event('gemm', -5, 25, **kernel)]},
        '/device:GPU:1': {
          'Stream #7': compute,
          'Stream #8': copies,
          'CUPTI overhead': [event('Overhead', 0, 20)],
        },
        '/device:GPU:2': {},  # present, but not used
      }
    )
  )
  # Of 20 ms, 3 + 8 with kernels and 1 with a copy alone.
  assert found == {
    'device_busy': 0.6,
    'copying_only': 0.05,
    'step_ms': 10.0,
    'steps': 2,
    'kernels_per_step': 1,  # two start between the first step and the last
    'longest_gaps': [{'ms': 4.0, 'host': 'batch'}, {'ms': 4.0, 'host': ''}],
    'devices': 2,
    'least_busy': '/device:GPU:1',
  }


def test_tpu_is_busy_with_operations():
  operations = [event('while', 0, 12), event('f', 1, 4), event('c', 13, 20)]
  lines = {'XLA Ops': operations, 'XLA Modules': [event('step', 0, 20)]}
  found = profiles.summarise(make_profile({'/device:TPU:0': lines}))
  assert (found['device_busy'], found['copying_only']) == (0.95, None)


def test_cpu_is_busy_until_its_operations_end_but_not_while_they_wait():
  facts = {'hlo_op': 1, 'device_ordinal': 0}
  threads = {
    'pool/1': [
      event('dot', 0, 1, _p=5, **facts),  # until its end on another thread
      event('all-reduce', 8, 14, _p=6, **facts),
      event('Wait: pending_threads', 9, 13),
      event('ThunkExecutor::Execute', 0, 20, device_ordinal=0),
    ],
    'pool/2': [event('end: dot', 5, 5, _c=5)],
  }
  found = profiles.summarise(make_profile({'/host:CPU': threads}))
  assert found['device_busy'] == 0.35  # 0 to 5, 8 to 9 and 13 to 14


def test_a_profile_that_says_nothing_is_refused():
  with pytest.raises(errors.UserError, match='/device:CUSTOM:0'):
    profiles.summarise(make_profile({'/device:CUSTOM:0': {}}))
  with pytest.raises(errors.UserError, match="steps 'train'"):
    profiles.summarise(SimpleNamespace(planes=[]))
