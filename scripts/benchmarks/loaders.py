"""Trains from each data loader, for the cases `input` and `busy`."""

import argparse
import contextlib
import functools
import itertools
import sys
import time
from collections.abc import Iterator

import jax
import numpy as np

from benchmarks import common, profiles, training_step
from selfgait_jax.data import (
  datasets,
  feeds,
  input_pipeline,
  loading,
  splits,
)
from selfgait_jax.machine import sharding
from selfgait_jax.settings import choices

LOADERS = choices.RUN['data.loader'].choices


def options(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
    '--clips', type=common.count, default=128, help='clips in a batch'
  )
  parser.add_argument(
    '--frames', type=common.count, default=30, help='frames in a clip'
  )
  parser.add_argument(
    '--workers', type=int, default=2, help='threads that make batches'
  )
  parser.add_argument(
    '--loader',
    choices=LOADERS,
    action='append',
    help='repeatable; by default all loaders, one after the other',
  )
  parser.add_argument(
    '--step',
    choices=training_step.STEPS,
    help='as in the case step; by default a step that only reads every pixel',
  )
  parser.add_argument(
    '--subjects',
    type=int,
    default=20,
    help='of random pixels, used without --data_dir and --packed; 8 or more',
  )
  parser.add_argument(
    '--dataset',
    choices=datasets.BY_OPTION,
    default='casiab',
    help='that --data_dir or --packed holds',
  )
  parser.add_argument(
    '--data_dir', help='read this TFDS data directory instead'
  )
  parser.add_argument('--packed', help='read this packed file instead')
  common.device_options(parser)


def each_loader(options: argparse.Namespace) -> Iterator[tuple]:
  """Yields what training from each `--loader` needs, from step 0.

  Yields:
    The first state; the jitted step; a generator of its other arguments, on
    the devices; a function that returns settings and devices for a JSON line.
  """
  mesh = common.make_mesh(options.devices)
  sharding.check_batch(options.clips, mesh, '--clips or --devices')
  config, name, function = training_step.configure(
    options.step or 'gaitset', options.clips, options
  )
  config.data.workers = options.workers
  start = time.monotonic()
  sequences = splits.cut(_read(config, options), config, 'train')
  loaded = time.monotonic() - start
  subset = splits.training_rows(sequences, config, config[name])

  @functools.cache  # loaders that yield clips share a compiled step
  def training(feed):
    if options.step:
      return training_step.compile_step(
        config, config[name], function, mesh, feed
      )
    make_state = lambda: jax.device_put(0.0, sharding.replicated(mesh))
    return make_state, sharding.compile_step(_read_pixels, mesh, feed)

  def describe():
    return {
      'loader': config.data.loader,
      **common.requested(options, 'step', 'clips', 'frames', 'workers'),
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


def train(step, state, batches, seconds: float, least: int) -> tuple:
  """Trains for about `seconds`, and at least `least` steps.

  Waits like the training loop: for the step before, on a CPU for each step.
  The names `batch`, `train` and `wait` tell its parts apart in a profile.

  Returns:
    The last state, the number of steps, and the seconds they took.
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
  """Yields batches on the devices; `close` also stops their workers."""
  with contextlib.closing(batches):
    yield from map(place, batches)


def _read(config, options):
  """The sequences of --data_dir or --packed, or else black and white noise."""
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


def _read_pixels(state, batch):
  """A step that does nothing but read every pixel once."""
  brightest = batch['clip'].max(axis=(1, 2, 3))
  return state + brightest.max(), brightest.max(), brightest
