"""Logs a stage while it trains: metrics, warnings, pictures, profiles."""

import pathlib
import time
from collections.abc import Callable

import jax
import numpy as np
from absl import logging

from selfgait_jax.data import resident
from selfgait_jax.machine import processes, sharding
from selfgait_jax.run import checkpointing, metrics
from selfgait_jax.train import health


class Monitor:
  """Logs a stage; it waits for the device only at steps that are logged."""

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
      stage_name: the key of the stage in the config.
      directory: of the stage; receives `metrics.jsonl`.
      first: number of steps done in earlier runs.
      check: the held-out check; None for none.
      checkpoints: of the stage; error messages name the last good one.
      feed: see data/feeds.py; returns the clips of a batch for pictures.
    """
    stage = config[stage_name]
    self._log, self._name, self._stage = config.log, stage_name, stage
    self._directory, self._check = directory, check
    self._checkpoints, self._feed, self._labelled = checkpoints, feed, {}
    self._progress = metrics.Progress(first, stage.steps)
    # A resumed run compares with the values at its first step.
    curves = metrics.read_curves(directory)
    self._start = {name: curve[0][1] for name, curve in curves.items()}
    self._warned, self._tracing = False, False
    self._signals = jax.jit(health.signals)
    self._writer = metrics.Writer(directory, processes.is_first())

  def after(self, step, state, batch, scalars, outputs) -> float | None:
    """Logs what is due after a step; returns the held-out rank-1 if checked.

    Args:
      step: number of updates done.
      state: the training state after them.
      batch: of the step, NumPy arrays.
      scalars: metrics of the step, on the device.
      outputs: embeddings of the step, [B, P, D], on the device.

    Raises:
      errors.UserError: a logged number is not finite.
    """
    final = step == self._stage.steps
    logged = step == 1 or final or due(step, self._log.every_steps)
    if logged:
      # Wait before the clock is read, so that all of the step counts as
      # training time.
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
    """Raises UserError if a metric of the step is NaN or infinite."""
    values = {k: float(v) for k, v in jax.device_get(scalars).items()}
    health.check_finite(values, step, self._checkpoints.describe_latest)

  def close(self) -> None:
    """Ends a running profile and closes the log."""
    self._end_trace()
    self._writer.close()

  def _write(self, step, scalars, outputs):
    # In a joint stage, the last labelled step, which may itself never be due.
    labelled = {f'labelled/{k}': v for k, v in self._labelled.items()}
    scalars = jax.device_get(scalars | labelled)
    values = {k: float(v) for k, v in scalars.items()}
    # Gather first: an eigendecomposition sharded over CPU devices can hang.
    signals = self._signals(sharding.gather(outputs))
    values |= {k: float(v) for k, v in signals.items()}
    health.check_finite(values, step, self._checkpoints.describe_latest)
    self._writer.scalars(step, values | self._progress.rates())
    logging.info('%s', self._progress.line(self._name, values))
    self._start = self._start or values
    words = processes.is_first() and health.describe(values, self._start)
    if words and not self._warned:  # once, until the problem is over
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
    """Profiles the five steps after `profile_at_step`."""
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
  """True at every multiple of the interval; never if it is 0."""
  return interval > 0 and step % interval == 0


def _count_frames(batch):
  """Frames in the batches of all processes; each view of a clip counts."""
  if 'mask' in batch:
    return int(batch['mask'].sum()) * processes.count()
  views = 1 if 'clip' in batch else 2
  clips = batch['clip' if 'clip' in batch else 'clip_1']
  return views * clips.shape[0] * clips.shape[1] * processes.count()


def _pictures(batch, feed):
  """The first four clips as film strips, {name: float [N, H, T * W, 1]}."""
  batch = feed.clips({name: array[:4] for name, array in batch.items()})
  strips = {}
  for name in batch.keys() & set(resident.CLIPS):
    clips = np.moveaxis(batch[name], 1, 2)  # [N, H, T, W]
    strips[name] = clips.reshape(*clips.shape[:2], -1, 1) / 255
  return strips
