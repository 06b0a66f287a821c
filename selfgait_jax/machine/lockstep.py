"""What the processes of a run tell each other after each step.

One small collective a step carries two numbers: was this process asked to stop,
and for how long did it keep the others waiting. A single process skips it.

JAX's own agreement to stop (`multihost_utils.reached_preemption_sync_point`,
which Orbax uses too) cannot replace the first number: it knows SIGTERM alone,
not Ctrl-C, and from `jax.distributed.initialize` on it swallows every SIGTERM,
also while data is read, a step is compiled or a stage is evaluated.
"""

import threading
import time
from collections.abc import Iterable, Iterator

import jax
import numpy as np
from absl import logging

from selfgait_jax.machine import processes, sharding

STALL_SECONDS = 2.0  # a process that is later than all others by more is named
_BEAT = 0.25  # seconds


class Team:
  """The processes that share a mesh."""

  def __init__(self, mesh: jax.sharding.Mesh):
    self._alone = processes.count() == 1
    if self._alone:
      return
    self._mesh, self._gather = mesh, sharding.compile_gather(mesh)
    self._owners = [device.process_index for device in mesh.devices]
    self._hosts, self._pulse = processes.hosts(), _Pulse()
    self._fetching, self._before = 0.0, None

  def timed(self, batches: Iterable) -> Iterator:
    """Passes on the batches and remembers how long the last one took."""
    if self._alone:
      yield from batches
      return
    batches = iter(batches)
    while True:
      start = time.monotonic()
      batch = next(batches, None)
      if batch is None:
        return
      self._fetching = time.monotonic() - start
      yield batch

  def agree(self, step: int, asked: bool, final: bool) -> bool:
    """True, on every process alike, if any process was asked to stop.

    Call it once a step. The answer is the one of the step before, so that no
    device waits for it; on CPU and at the final step it is this step's.

    Args:
      step: updates done.
      asked: was this process asked to stop?
      final: is this the last step?
    """
    if self._alone:
      return asked
    late = max(self._fetching, self._pulse.longest_pause())
    mine = np.float32([asked, late])
    gathered = self._gather(sharding.shard_local(mine, self._mesh))
    if final or jax.default_backend() == 'cpu':
      self._before = jax.block_until_ready(gathered)
    before, self._before = self._before, gathered
    if before is None:
      return False
    asked, late = np.asarray(before).T
    self._report(step, late)
    return bool(asked.any())

  def close(self) -> None:
    if not self._alone:
      self._pulse.stop()

  def _report(self, step, late):
    """Names the process that was later than all others, if it was by much."""
    by_process = dict(zip(self._owners, late, strict=True))
    *_, second, slowest = sorted(by_process, key=by_process.get)
    seconds = by_process[slowest] - by_process[second]
    if seconds > STALL_SECONDS and processes.is_first():
      logging.warning(
        'step %d: process %d on %s made the others wait for %.1f s (its batch '
        'came late or it stood still)',
        step, slowest, self._hosts[slowest], seconds,
      )  # fmt: skip


class _Pulse:
  """A thread that notices when the whole process stood still.

  The main thread cannot tell: it waits for the devices, and so for the others.
  """

  def __init__(self):
    self._longest, self._stopped = 0.0, threading.Event()
    threading.Thread(target=self._beat, daemon=True).start()

  def longest_pause(self) -> float:
    """Seconds of the longest pause since the last call."""
    longest, self._longest = self._longest, 0.0
    return longest

  def stop(self) -> None:
    self._stopped.set()

  def _beat(self):
    before = time.monotonic()
    while not self._stopped.wait(_BEAT):
      now = time.monotonic()
      self._longest = max(self._longest, now - before - _BEAT)
      before = now
