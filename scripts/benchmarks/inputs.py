"""The `input` case of `benchmark.py`: how fast batches reach a step."""

import contextlib
import itertools
import sys
import time

import jax
import numpy as np

from benchmarks import common, profiles, steps
from selfgait_jax.data import (
  datasets,
  feeds,
  input_pipeline,
  loading,
  splits,
)
from selfgait_jax.machine import sharding
from selfgait_jax.settings import choices

LOADERS = choices.CHOICES['data.loader']


def input_options(parser):
  parser.add_argument('--seconds', type=float, default=3.0, help='a loader')
  loader_options(parser)


def loader_options(parser):
  parser.add_argument('--clips', type=common.count, default=128, help='a batch')
  parser.add_argument('--frames', type=common.count, default=30, help='a clip')
  parser.add_argument('--workers', type=int, default=2, help='threads')
  parser.add_argument(
    '--loader',
    choices=LOADERS,
    action='append',
    help='can be given again; all if it is not given',
  )
  parser.add_argument(
    '--step',
    choices=steps.STEPS,
    help='that of the case step; without it, one that only reads all pixels',
  )
  parser.add_argument(
    '--subjects',
    type=int,
    default=20,
    help='of random pixels, without data; 8 or more',
  )
  parser.add_argument(
    '--dataset', choices=datasets.BY_OPTION, default='casiab', help='to read'
  )
  parser.add_argument('--data_dir', help='TFDS data directory to read instead')
  parser.add_argument('--packed', help='packed file to read instead')
  common.device_options(parser)


def input_case(options):
  """Clips a second into a step from sequences in memory, for each loader.

  Making and moving the batches counts, and so does the step, which waits as in
  training. `step_ms` is one of these steps, `fed_ms` one whose batch is on the
  devices already, and `fed_share` their quotient: what is left to 1 is what
  batches cost. The step of the loader `device` takes its clips itself, in both.
  The case busy looks into a profile.
  """
  for state, step, batches, describe in each_loader(options):
    ready = next(batches)
    state, *_ = train(step, state, batches, 0, 8)  # warm
    state, count, seconds = train(step, state, batches, options.seconds, 1)
    batches.close()
    _, fed_count, fed_seconds = train(
      step, state, itertools.repeat(ready), options.seconds, 1
    )
    step_ms, fed_ms = 1e3 * seconds / count, 1e3 * fed_seconds / fed_count
    yield {
      'clips_per_second': round(1e3 * options.clips / step_ms),
      'step_ms': round(step_ms, 3),
      'fed_ms': round(fed_ms, 3),
      'fed_share': round(fed_ms / step_ms, 4),
      'seconds': round(seconds, 3),
      **describe(),
    }


def each_loader(options):
  """Yields all that training from each `--loader` takes, from step 0.

  Yields:
    The first state, the jitted step, a generator of its other arguments on the
    devices, and a function -> what was asked for and what it ran on, for a JSON
    line.
  """
  mesh = common.make_mesh(options.devices)
  sharding.check_batch(options.clips, mesh, '--clips or --devices')
  config, name, function = steps.settings(
    options.step or 'gaitset', options.clips, options
  )
  config.data.workers = options.workers
  start = time.monotonic()
  sequences = splits.cut(_read(config, options), config, 'train')
  loaded = time.monotonic() - start
  subset = splits.training_rows(sequences, config, config[name])

  def training(feed):
    if options.step:
      return steps.training(config, config[name], function, mesh, feed)
    make_state = lambda: jax.device_put(0.0, sharding.replicated(mesh))
    return make_state, sharding.compile_step(_look, mesh, feed)

  def describe():
    return {
      'loader': config.data.loader,
      'step': options.step,
      'clips': options.clips,
      'frames': options.frames,
      'workers': options.workers,
      'sequences': len(sequences),
      'load_seconds': round(loaded, 1),
      **common.describe(mesh),
    }

  for loader in options.loader or LOADERS:
    config.data.loader = loader
    feed = feeds.make_feed(config, sequences, subset, mesh)
    make_state, step = training(feed)
    batches = input_pipeline.batches(
      sequences, subset, config, name, 0, sys.maxsize
    )
    yield make_state(), step, _placed(feed.place, batches), describe


def train(step, state, batches, seconds, least):
  """(state, steps taken, seconds they took), for about `seconds`.

  Waits as the loop of `train.py` does: for the step before, on CPU for each.
  A profile of it tells `batch`, the step and `wait` apart.
  """
  previous, count, start = None, 0, time.monotonic()
  while time.monotonic() - start < seconds or count < least:
    with jax.profiler.TraceAnnotation('batch'):
      batch = next(batches)
    with jax.profiler.StepTraceAnnotation(profiles.STEP, step_num=count):
      state, scalars, _ = step(state, batch)
    with jax.profiler.TraceAnnotation('wait'):
      sharding.keep_pace(state, previous)
    previous = scalars
    count += 1
  jax.block_until_ready(state)
  return state, count, time.monotonic() - start


def _placed(place, batches):
  """Batches on the devices; `close` ends those who make them."""
  with contextlib.closing(batches):
    yield from map(place, batches)


def _read(config, options):
  """What was prepared, or else noise in black and white."""
  config.data.name = datasets.BY_OPTION[options.dataset].name
  config.data_dir, config.data.packed_file = options.data_dir, options.packed
  if options.data_dir or options.packed:
    return loading.load(config, splits.subjects(config, 'train'))
  facts = datasets.CASIA_B
  subjects = facts.subjects[: options.subjects]
  found = common.random_sequences(
    itertools.product(subjects, facts.conditions, facts.views)
  )
  np.greater(found.frames, 127, out=found.frames.view(bool))
  found.frames[:] *= 255
  return found


def _look(state, batch):
  """Reads every pixel once, and no more."""
  brightest = batch['clip'].max(axis=(1, 2, 3))
  return state + brightest.max(), brightest.max(), brightest
