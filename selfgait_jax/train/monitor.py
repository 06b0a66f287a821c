"""What is measured of a stage while it trains: curves, words, pictures."""

import pathlib
import time
from collections.abc import Callable

import jax
import numpy as np
from absl import logging

from selfgait_jax.machine import processes, sharding
from selfgait_jax.run import checkpointing, metrics
from selfgait_jax.train import health


class Monitor:
  """Logs a stage; only what it is asked for waits for the device."""

  def __init__(
    self,
    config,
    stage_name: str,
    directory: pathlib.Path,
    first: int,
    check: Callable | None,
    checkpoints: checkpointing.Checkpoints,
    feed,
  ):
    """Opens the stage's log.

    Args:
      config: the whole config.
      stage_name: of the stage.
      directory: of the stage; receives `metrics.jsonl`.
      first: steps done before.
      check: the held-out check, None for none.
      checkpoints: of the stage; a message names the last good one.
      feed: data/feeds.py; gives back the clips of a batch for pictures.
    """
    stage = config[stage_name]
    self._log, self._name, self._stage = config.log, stage_name, stage
    self._directory, self._check = directory, check
    self._checkpoints, self._feed, self._labelled = checkpoints, feed, {}
    self._progress = metrics.Progress(first, stage.steps)
    # Of a resumed run: what it logged at its very first step.
    curves = metrics.read_curves(directory)
    self._start = {name: curve[0][1] for name, curve in curves.items()}
    self._warned, self._tracing = False, False
    self._signals = jax.jit(health.signals)
    self._writer = metrics.Writer(directory, processes.is_first())

  def after(self, step, state, batch, scalars, outputs) -> float | None:
    """Call it after every step; returns the held-out rank-1 where it is due.

    Args:
      step: updates done.
      state: after them.
      batch: of the step, NumPy.
      scalars: of the step, on the device.
      outputs: [B, P, D] of the step, on the device.

    Raises:
      errors.UserError: a logged number is not finite.
    """
    final = step == self._stage.steps
    logged = step == 1 or final or due(step, self._log.every_steps)
    if logged:
      # Before the clock is read: what is left of the step is training time.
      jax.block_until_ready(scalars)
    self._progress.tick(step, _count_frames(batch))
    start = time.monotonic()
    self._profile(step)
    if self._stage.objective == 'joint' and 'label' in batch:
      self._labelled = scalars
    if logged:
      self._write(step, scalars, outputs)
    if due(step - 1, self._log.images_every_steps):
      self._writer.images(step, _pictures(batch, self._feed))
    rank1 = None
    if self._check and (final or due(step, self._log.held_out_every_steps)):
      rank1 = self._measure(step, state)
    self._progress.pause(time.monotonic() - start)
    return rank1

  def check_finite(self, step, scalars) -> None:
    """Raises UserError where a number of the step is NaN or infinite."""
    values = {k: float(v) for k, v in jax.device_get(scalars).items()}
    health.check_finite(values, step, self._checkpoints.describe_latest)

  def close(self) -> None:
    self._end_trace()
    self._writer.close()

  def _write(self, step, scalars, outputs):
    # Of a joint stage also the last triplet step, which may never be due.
    labelled = {f'labelled/{k}': v for k, v in self._labelled.items()}
    scalars = jax.device_get(scalars | labelled)
    values = {k: float(v) for k, v in scalars.items()}
    # Gathered first: an eigendecomposition sharded over CPU devices can hang.
    signals = self._signals(sharding.gather(outputs))
    values |= {k: float(v) for k, v in signals.items()}
    health.check_finite(values, step, self._checkpoints.describe_latest)
    self._writer.scalars(step, values | self._progress.rates())
    logging.info('%s', self._progress.line(self._name, values))
    self._start = self._start or values
    words = processes.is_first() and health.describe(values, self._start)
    if words and not self._warned:  # said once, until it is over
      logging.warning('%s step %d: %s', self._name, step, words)
    self._warned = bool(words)

  def _measure(self, step, state):
    measured = self._check(state, self._stage)
    self._writer.scalars(
      step, {f'held_out/{name}': value for name, value in measured.items()}
    )
    logging.info(
      '%s step %d: held-out rank-1 %.1f %%', self._name, step, measured['rank1']
    )
    return measured['rank1']

  def _profile(self, step):
    """Traces the five steps after `profile_at_step`."""
    start = self._log.profile_at_step
    if start and step == start and processes.is_first():
      jax.profiler.start_trace(str(self._directory / 'profile'))
      self._tracing = True
    elif step == start + 5:
      self._end_trace()

  def _end_trace(self):
    if self._tracing:
      jax.profiler.stop_trace()
      self._tracing = False


def due(step: int, interval: int) -> bool:
  """True at every multiple of the interval; never if that is 0."""
  return interval > 0 and step % interval == 0


def _count_frames(batch):
  """Frames of a batch of all hosts, a frame once a view."""
  if 'mask' in batch:
    return int(batch['mask'].sum()) * processes.count()
  views = 1 if 'clip' in batch else 2
  clips = batch['clip' if 'clip' in batch else 'clip_1']
  return views * clips.shape[0] * clips.shape[1] * processes.count()


def _pictures(batch, feed):
  """One clip a row, for the first four clips: float [N, H, T * W, 1]."""
  batch = feed.clips({name: array[:4] for name, array in batch.items()})
  strips = {}
  for name in set(batch) - {'label', 'mask'}:
    clips = np.moveaxis(batch[name], 1, 2)  # [N, H, T, W]
    strips[name] = clips.reshape(*clips.shape[:2], -1, 1) / 255
  return strips
