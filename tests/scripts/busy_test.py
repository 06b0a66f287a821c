"""How busy devices were, of made-up profiles and of a real one."""

import time

import jax
import numpy as np
import pytest
from benchmarks import profiles

from selfgait_jax import errors
from selfgait_jax.machine import sharding


@pytest.mark.parametrize(
  'spans, expected',
  [
    ([], [(10, 20)]),
    ([(12, 14), (11, 13)], [(10, 11), (14, 20)]),
    ([(11, 18), (12, 13)], [(10, 11), (18, 20)]),
    ([(0, 12), (19, 30)], [(12, 19)]),
    ([(0, 5), (25, 30)], [(10, 20)]),
    ([(5, 10), (20, 25)], [(10, 20)]),
    ([(10, 15), (15, 20)], []),
  ],
)
def test_gaps_are_what_no_span_covers(spans, expected):
  assert profiles.gaps(10, 20, spans) == expected


def make_profile(planes):
  """{plane: {line: [(name, start, end in ms, {stat: value})]}} as JAX reads it.

  Steps are put at 0, 10 and 20 ms.
  """
  steps = [('train', start, start + 1, {}) for start in (0, 10, 20)]
  planes = {'/host:CPU': {}} | planes
  planes['/host:CPU']['python'] = steps + [('batch', 2, 9, {})]
  text = ''
  for plane, lines in planes.items():
    events = {e[0] for line in lines.values() for e in line}
    stats = {key for line in lines.values() for e in line for key in e[3]}
    names, keys = sorted(events), sorted(stats)
    text += f'planes {{ name: "{plane}"\n'
    for kind, words in (('event', names), ('stat', keys)):
      for number, word in enumerate(words, 1):
        text += (
          f'{kind}_metadata {{ key: {number} '
          f'value {{ id: {number} name: "{word}" }} }}\n'
        )
    for line, found in lines.items():
      text += f'lines {{ name: "{line}"\n'
      for name, start, end, facts in found:
        text += (
          f'events {{ metadata_id: {names.index(name) + 1} '
          f'offset_ps: {round(start * 1e9)} '
          f'duration_ps: {round((end - start) * 1e9)}\n'
        )
        for key, value in facts.items():
          text += (
            f'stats {{ metadata_id: {keys.index(key) + 1} '
            f'int64_value: {value} }}\n'
          )
        text += '}\n'
      text += '}\n'
    text += '}\n'
  return jax.profiler.ProfileData.from_text_proto(text)


def test_gpu_is_busy_with_kernels_and_copies():
  kernel = {'kernel_details': 1, 'hlo_op': 1}
  busy = [('gemm', -5, 25, kernel)]
  profile = make_profile(
    {
      '/device:GPU:0': {'Stream #7(Compute)': busy},
      '/device:GPU:1': {
        'Stream #7(Compute)': [
          ('gemm', -3, 2, kernel),
          ('add', 1, 3, kernel),
          ('gemm', 8, 16, kernel),
          ('add', 20, 24, kernel),
        ],
        'Stream #8(MemcpyH2D)': [
          ('MemcpyH2D', 2, 4, {'memcpy_details': 1}),
          ('MemcpyH2D', 9, 10, {'memcpy_details': 1}),
        ],
        'CUPTI overhead': [('Overhead', 0, 20, {})],
        'XLA Modules': [('jit_step', 0, 20, {'hlo_module': 1})],
      },
      '/device:GPU:2': {},  # seen, not used
    }
  )
  found = profiles.summarise(profile)
  # Of 20 ms 3 + 8 with kernels, 1 with a copy alone.
  assert found == {
    'device_busy': 0.6,
    'copying_only': 0.05,
    'step_ms': 10.0,
    'steps': 2,
    'kernels_per_step': 1,  # two begin between the first step and the last
    'longest_gaps': [{'ms': 4.0, 'host': 'batch'}, {'ms': 4.0, 'host': ''}],
    'devices': 2,
    'least_busy': '/device:GPU:1',
  }
  last = profiles.summarise(profile, steps=1)
  assert (last['device_busy'], last['steps']) == (0.6, 1)


def test_tpu_is_busy_with_operations():
  operations = [
    ('while', 0, 12, {}),
    ('fusion', 1, 4, {}),
    ('copy', 13, 20, {}),
  ]
  lines = {'XLA Ops': operations, 'XLA Modules': [('jit_step', 0, 20, {})]}
  other = {'XLA Ops': [('fusion', 0, 1, {})]}
  profile = make_profile(
    {'/device:TPU:0': lines, '/device:TPU:0 SparseCore 0': other}
  )
  found = profiles.summarise(profile)
  assert found['device_busy'] == 0.95
  assert found['copying_only'] is found['kernels_per_step'] is None
  assert found['longest_gaps'] == [{'ms': 1.0, 'host': ''}]


def test_cpu_is_busy_until_its_operations_end_but_not_while_they_wait():
  def facts(device, number):
    return {'hlo_op': 1, 'device_ordinal': device, '_p': number}

  profile = make_profile(
    {
      '/host:CPU': {
        'pool/1': [
          ('dot', 0, 1, facts(0, 5)),  # until its end on another thread
          ('all-reduce', 8, 14, facts(0, 6)),
          ('Rendezvous', 8, 14, {}),
          ('Wait: pending_threads', 9, 13, {}),
          ('ThunkExecutor::Execute', 0, 20, {'device_ordinal': 0}),
          ('Wait for completion', 15, 20, {}),
        ],
        'pool/2': [
          ('end: dot', 5, 5, {'_c': 5}),
          ('fusion', 0, 19, facts(1, 7)),
        ],
      }
    }
  )
  found = profiles.summarise(profile)
  # 0 to 5, 8 to 9 and 13 to 14; the other device waits for 1 ms in all.
  assert found['device_busy'] == 0.35
  assert (found['devices'], found['least_busy']) == (2, 'CPU 0')


def test_profile_without_operations_names_its_planes():
  profile = make_profile({'/device:CUSTOM:0': {}})
  with pytest.raises(errors.UserError, match='/device:CUSTOM:0'):
    profiles.summarise(profile)


def test_profile_without_steps(tmp_path):
  profile = jax.profiler.ProfileData.from_text_proto('')
  with pytest.raises(errors.UserError, match="steps 'train'"):
    profiles.summarise(profile)
  with pytest.raises(errors.UserError, match='xplane'):
    profiles.read(tmp_path)


def test_real_profile_shows_how_the_host_held_the_devices_up(tmp_path):
  work = jax.jit(lambda x: x @ (x.T @ x) / x.size)
  x = np.ones((256, 64), np.float32)
  x = sharding.shard_batch(x, sharding.make_mesh())
  jax.block_until_ready(work(x))
  with jax.profiler.trace(tmp_path):
    for step in range(4):
      with jax.profiler.StepTraceAnnotation('train', step_num=step):
        jax.block_until_ready(work(x))
      with jax.profiler.TraceAnnotation('asleep'):
        time.sleep(0.05)
  found = profiles.summarise(profiles.read(tmp_path))
  assert (found['steps'], found['devices']) == (3, 4)
  assert 0 < found['device_busy'] < 0.9
  longest, *_ = found['longest_gaps']
  assert longest['ms'] >= 50 and 'sleep' in longest['host']
