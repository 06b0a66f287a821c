"""One CPU device a core, and as many as share every batch."""

import types

import pytest

from selfgait_jax.machine import cores, processes


@pytest.mark.parametrize(
  'shares, machines, batches, devices',
  [
    ((range(2), range(2)), 'aa', [48], 1),  # two processes of one machine
    ((range(2), range(2, 4)), 'aa', [48], 2),  # each bound to cores of its own
    ((range(2), range(2)), 'ab', [48], 2),
    ((range(8), range(4)), 'ab', [48], 4),  # the smaller one is everybody's
    ((range(8), range(8)), 'ab', [12, 20], 2),
    ((range(8), range(8)), 'ab', [9], 1),  # refused later, in a sentence
  ],
)
def test_processes_share_the_cores(
  shares, machines, batches, devices, monkeypatch
):
  asked = {}
  monkeypatch.setattr(processes, 'hosts', lambda: tuple(machines))
  monkeypatch.setattr(processes, 'share', lambda mine: list(shares))
  monkeypatch.delenv('XLA_FLAGS', raising=False)
  monkeypatch.delenv('JAX_NUM_CPU_DEVICES', raising=False)
  monkeypatch.setattr(cores.jax.config, 'update', asked.__setitem__)
  cores.use_all_cores(batches)
  assert asked == {'jax_num_cpu_devices': devices}


@pytest.mark.parametrize(
  'number, batches, devices',
  [(2, [48], 2), (32, [48, 36], 12), (8, [9], 3), (4, [], 4), (5, [7], 1)],
)
def test_as_many_devices_as_share_every_batch(
  monkeypatch, number, batches, devices
):
  asked = {}
  monkeypatch.setattr(cores, 'cores', lambda: list(range(number)))
  monkeypatch.delenv('XLA_FLAGS', raising=False)
  fake = types.SimpleNamespace(update=asked.__setitem__)
  monkeypatch.setattr(cores.jax, 'config', fake)
  cores.use_all_cores(batches)
  assert asked == {'jax_num_cpu_devices': devices}


def test_a_given_device_count_is_left_alone(monkeypatch):
  monkeypatch.setenv('XLA_FLAGS', '--xla_force_host_platform_device_count=3')
  monkeypatch.setattr(cores.jax, 'config', None)
  cores.use_all_cores([8])
