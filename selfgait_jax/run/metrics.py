"""Scalars, pictures and the progress line of a run."""

import importlib.util
import json
import pathlib
import time

import numpy as np
from absl import logging

from selfgait_jax.machine import files, progress, tensorflow_import

_MOST_STEPS, _LARGEST = 10**12, 10**300  # larger numbers are damage


class Writer:
  """JSON lines always, TensorBoard events where its writer can be had.

  Each line of `metrics.jsonl` is {"step": n, name: value, ...}. A resumed run
  appends; of two lines with the same step and name the later one counts.
  """

  def __init__(self, directory: pathlib.Path, active: bool = True):
    self._lines, self._events = None, None
    if not active:
      return
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / 'metrics.jsonl'
    torn = path.exists() and not path.read_bytes().endswith(b'\n')
    self._lines = open(path, 'a', buffering=1)
    if torn:  # a kill cut the last line short
      self._lines.write('\n')
    # clu's writer needs both; a run can do without.
    if all(map(importlib.util.find_spec, ('tensorflow', 'tensorboard'))):
      # Before clu imports it, so that TensorFlow leaves the GPUs alone.
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
  """{name: [(step, value), ...]} from a stage's `metrics.jsonl`.

  Lines and values that are damaged are skipped, such as the last line of a run
  that was killed.
  """
  path = directory / 'metrics.jsonl'
  steps: dict[int, dict] = {}
  for line in path.read_bytes().split(b'\n') if path.exists() else ():
    step, values = _parse(line)
    steps.setdefault(step, {}).update(values)
  curves: dict[str, list] = {}
  for step in sorted(steps):
    for name, value in steps[step].items():
      curves.setdefault(name, []).append((step, value))
  return curves


def _parse(line):
  """(step, {name: number}) of a line; no numbers if it is damaged."""
  try:
    values = files.parse_json(line)
  except ValueError:
    return 0, {}
  if not isinstance(values, dict) or type(values.get('step')) is not int:
    return 0, {}
  step = values.pop('step')
  if not 0 <= step <= _MOST_STEPS:
    return 0, {}
  fits = lambda x: type(x) is float or type(x) is int and abs(x) < _LARGEST
  return step, {name: x for name, x in values.items() if fits(x)}


class Progress:
  """Rate and remaining time, from the steps of this process alone.

  The clock starts after the first step, so that compilation does not count;
  `pause` takes out what is not training (logging, held-out checks).
  """

  def __init__(self, first_step: int, last_step: int):
    self._last = last_step
    self._frames = 0
    self._start_step = first_step + 1
    self._start = None
    self._step = first_step

  def tick(self, step: int, frames: int) -> None:
    """Call it after each step.

    Args:
      step: updates done.
      frames: that the step saw, each counted once for each view.
    """
    self._step = step
    if self._start is None:
      self._start = time.monotonic()
    else:
      self._frames += frames

  def pause(self, seconds: float) -> None:
    """Takes out seconds that were not spent on training."""
    if self._start is not None:
      self._start += seconds

  def rates(self) -> dict[str, float]:
    """Steps and frames per second, and seconds that remain; {} at first."""
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
    """The progress line, such as 'pretrain 20/200 | loss 0.1234 | ...'."""
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
