"""The smallest real run: the command line on a packed file of made-up people.

TensorFlow is hidden from it, so that a run takes seconds.
"""

import json
import os
import pathlib
import subprocess
import sys
import zlib

import numpy as np

from selfgait_jax.data import datasets, packed, sequences, stored

ROOT = pathlib.Path(__file__).parents[2]
# On a path of its own, because Python runs any `sitecustomize` it finds.
NO_TENSORFLOW = ROOT / 'tests/helpers/no_tensorflow'


def write_people(path, subjects=7, views=3, frames=8, noise=0.0):
  """Writes a packed `synthetic_gait` of boxes; returns `path`.

  Size and stride of the boxes tell the subjects apart; a share `noise` of the
  pixels is inverted, so that they are confused. By default there are the 4
  training and 3 test subjects of the smoke recipe, in all ten conditions.
  """
  rng = np.random.default_rng(0)
  facts, records = datasets.synthetic(subjects), []
  for number, subject in enumerate(facts.subjects):
    for condition in facts.conditions:
      for view in facts.views[:views]:
        clip = np.zeros((frames, 64, 64), np.uint8)
        stride = 2 + number + np.arange(frames) % 4 + rng.integers(3)
        for frame, step in zip(clip, stride, strict=True):
          frame[4 + number : 40, 24:40] = 255
          frame[40:60, 32 - step : 34 - step] = 255
          frame[40:60, 30 + step : 32 + step] = 255
        clip ^= (rng.random(clip.shape) < noise) * np.uint8(255)
        pixels = sequences.pixel_fingerprint(clip)
        blob = zlib.compress(clip.tobytes())
        records.append(
          stored.Record(subject, condition, view, frames, pixels, blob)
        )
  packed.write(records, path, 'synthetic_gait')
  return path


def overrides(packed_file, workdir, *settings):
  """Arguments of `selfgait_jax.main` for the smoke recipe, without TFDS."""
  return [
    '--config=configs/synthetic.py:smoke',
    f'--workdir={workdir}',
    f'--config.data.packed_file={packed_file}',
    '--config.data.loader=array',
    *(f'--config.{setting}' for setting in settings),
  ]


def start(arguments, tensorflow=False, variables=None, **options):
  """Starts `python -m selfgait_jax.main` with its output in pipes.

  `variables` are added to the environment.
  """
  path = [str(ROOT)] if tensorflow else [str(NO_TENSORFLOW), str(ROOT)]
  environment = {'PYTHONPATH': os.pathsep.join(path), 'JAX_PLATFORMS': 'cpu'}
  return subprocess.Popen(
    [sys.executable, '-m', 'selfgait_jax.main', *arguments],
    env=os.environ | environment | (variables or {}),
    cwd=ROOT,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    **options,
  )


def read_until(process, phrase):
  """Reads standard error up to a line with `phrase`."""
  while phrase not in (line := process.stderr.readline()):
    assert line, f'it ended: {finish(process)}'


def finish(process):
  """(exit status, standard error) of what `start` returned."""
  try:
    _, words = process.communicate(timeout=400)
  finally:
    process.kill()
  return process.returncode, words


def run(arguments, **options):
  """Runs it, expects status 0 and returns standard error."""
  status, words = finish(start(arguments, **options))
  assert status == 0, words
  return words


def last_line(stage_directory):
  """The last of `lines`."""
  return lines(stage_directory)[-1]


def lines(stage_directory):
  """The lines of `metrics.jsonl`, without the values that a clock decides."""
  text = (stage_directory / 'metrics.jsonl').read_text()
  clocks = ('steps_per_second', 'frames_per_second', 'eta_seconds')
  return [
    {key: value for key, value in json.loads(line).items() if key not in clocks}
    for line in text.splitlines()
  ]
