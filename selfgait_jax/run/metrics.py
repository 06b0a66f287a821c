"""Scalars, pictures and the progress line of a run."""

import importlib.util
import json
import pathlib
import time

import numpy as np
from absl import logging

from selfgait_jax.machine import files, progress, tensorflow_import


class Writer:
  """JSON lines always, TensorBoard events where its writer can be had.

  Each line of `metrics.jsonl` is {"step": n, name: value, ...}. A resumed run
  appends; for a step that stands there twice the later line counts.
  """

  def __init__(self, directory: pathlib.Path, active: bool = True):
    self._lines, self._events = None, None
    if not active:
      return
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / 'metrics.jsonl'
    torn = path.exists() and not path.read_bytes().endswith(b'\n')
    self._lines = open(path, 'a', buffering=1)
    if torn:  # by a kill in mid-line
      self._lines.write('\n')
    # clu's writer needs both; an array-fed run goes without.
    if all(map(importlib.util.find_spec, ('tensorflow', 'tensorboard'))):
      # First of all, so that TensorFlow leaves the GPUs alone.
      tensorflow_import.import_tensorflow('TensorBoard', 'go without')
      from clu import metric_writers

      self._events = metric_writers.SummaryWriter(str(directory))

  def scalars(self, step: int, values: dict[str, float]) -> None:
    if self._lines:
      self._lines.write(json.dumps({'step': step} | values) + '\n')
    if self._events:
      self._events.write_scalars(step, values)

  def images(self, step: int, pictures: dict[str, np.ndarray]) -> None:
    """`pictures`: float [N, H, W, 1] in [0, 1] under each name."""
    if self._events:
      self._events.write_images(step, pictures)

  def close(self) -> None:
    if self._events:
      self._events.flush()
      self._events.close()
    if self._lines:
      self._lines.close()


def read_curves(directory: pathlib.Path) -> dict[str, list]:
  """{name: [(step, value), ...]} from a stage's `metrics.jsonl`."""
  path = directory / 'metrics.jsonl'
  steps: dict[int, dict] = {}
  for line in path.read_text().splitlines() if path.exists() else ():
    try:
      values = json.loads(line)
    except json.JSONDecodeError:  # the last line of a killed run
      continue
    steps.setdefault(values.pop('step'), {}).update(values)
  curves: dict[str, list] = {}
  for step in sorted(steps):
    for name, value in steps[step].items():
      curves.setdefault(name, []).append((step, value))
  return curves


class Progress:
  """Rate and remaining time, from the steps of this process alone.

  The clock starts after the first step, so that compilation does not count,
  and `pause` takes out what is not training (logging, probes).
  """

  def __init__(self, first_step: int, last_step: int):
    self._last = last_step
    self._frames = 0
    self._start_step = first_step + 1
    self._start = None
    self._step = first_step

  def tick(self, step: int, frames: int) -> None:
    """To be called after each step.

    Args:
      step: the number of updates done.
      frames: that the step saw; one counts once a view.
    """
    self._step = step
    if self._start is None:
      self._start = time.monotonic()
    else:
      self._frames += frames

  def pause(self, seconds: float) -> None:
    if self._start is not None:
      self._start += seconds

  def rates(self) -> dict[str, float]:
    """steps/s, frames/s and seconds to go."""
    steps = self._step - self._start_step
    if steps < 1:
      return {}
    seconds = max(time.monotonic() - self._start, 1e-9)
    total = self._last - self._start_step
    return {
      'steps_per_second': steps / seconds,
      'frames_per_second': self._frames / seconds,
      'eta_seconds': progress.seconds_left(steps, total, seconds),
    }

  def line(self, stage: str, scalars: dict[str, float]) -> str:
    rates = self.rates()
    parts = [
      f'{stage} {self._step}/{self._last}',
      f'loss {scalars["loss"]:.4f}',
    ]
    if rates:
      parts.append(f'{rates["frames_per_second"]:.0f} frames/s')
      parts.append(f'ETA {progress.clock(rates["eta_seconds"])}')
    return ' | '.join(parts)


def write_table(directory: pathlib.Path, params: dict) -> None:
  """Writes the model's parameter table to `parameters.txt`."""
  from clu import parameter_overview

  table = parameter_overview.get_parameter_overview(params, include_stats=False)
  files.write_text(directory / 'parameters.txt', table + '\n')
  logging.info('%s', table.splitlines()[-1])
