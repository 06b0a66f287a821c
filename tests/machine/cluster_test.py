"""When a process joins others, and the sentence if it cannot."""

import socket

import pytest

from selfgait_jax import errors
from selfgait_jax.machine import cluster, jax_private, processes

HAND = {
  'JAX_COORDINATOR_ADDRESS': '10.0.0.1:1234',
  'JAX_NUM_PROCESSES': '4',
  'JAX_PROCESS_ID': '3',
}
GIVEN = {
  'coordinator_address': '10.0.0.1:1234',
  'num_processes': 4,
  'process_id': 3,
}


class FakeCluster:
  opt_in_only_method = False

  def __init__(self, size):
    self.size = size

  def is_env_present(self):
    return self.size > 0

  def get_process_count(self):
    return self.size


@pytest.fixture
def join(monkeypatch):
  """(mode, variables, cluster size) -> arguments of `initialize`, or None."""

  def join(mode, variables=(), size=0):
    joined = []
    for name in cluster.VARIABLES:
      monkeypatch.delenv(name, raising=False)
    for name, value in dict(variables).items():
      monkeypatch.setenv(name, value)
    monkeypatch.setattr(jax_private, '_find', lambda *_: [FakeCluster(size)])
    monkeypatch.setattr(
      cluster.jax.distributed,
      'initialize',
      lambda **arguments: joined.append(arguments),
    )
    monkeypatch.setattr(cluster.jax.config, 'update', lambda *_: None)
    cluster.join(mode)
    if not joined:
      return None
    (arguments,) = joined
    seconds = arguments.pop('heartbeat_timeout_seconds')
    assert seconds == processes.SILENT_SECONDS
    assert arguments.pop('initialization_timeout') == 300
    return arguments

  return join


def test_auto_joins_where_there_are_others(join):
  assert join('auto') is None
  assert join('auto', size=1) is None
  assert join('auto', size=2) == {}
  assert join('auto', HAND) == GIVEN
  assert join('auto', HAND | {'JAX_NUM_PROCESSES': '1'}, size=8) is None
  # JAX itself reads an address that comes alone.
  address = {'JAX_COORDINATOR_ADDRESS': 'a:1'}
  assert join('auto', address) is None
  assert join('auto', address, size=2) == {}


def test_on_and_off_do_not_look_for_a_cluster(join):
  assert join('off', HAND, size=8) is None
  assert join('on', HAND, size=8) == GIVEN
  assert join('on') == {}


@pytest.mark.parametrize(
  'change',
  [
    {'JAX_NUM_PROCESSES': ''},
    {'JAX_PROCESS_ID': 'first'},
    {'JAX_COORDINATOR_ADDRESS': 'no-port'},
  ],
)
def test_variables_that_say_no_address(join, change):
  with pytest.raises(errors.UserError, match='host:port and two numbers'):
    join('auto', HAND | change)


def test_port_in_use(join):
  with socket.socket() as busy:
    busy.bind(('0.0.0.0', 0))
    busy.listen()
    address = f'127.0.0.1:{busy.getsockname()[1]}'
    first = {'JAX_PROCESS_ID': '0', 'JAX_COORDINATOR_ADDRESS': address}
    with pytest.raises(errors.UserError, match='a free port'):
      join('on', HAND | first)


def test_jax_cannot_join(join, monkeypatch):
  def refuse(self):
    raise OSError('no route')

  monkeypatch.setattr(FakeCluster, 'is_env_present', refuse)
  with pytest.raises(errors.UserError, match='no route.*distributed=off'):
    join('auto')
  join('auto', HAND)  # complete: no cluster is asked
