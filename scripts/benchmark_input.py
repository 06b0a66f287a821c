"""The `input` case of `benchmark.py`: how fast batches are made."""

import itertools
import sys
import time

import benchmark_common

from configs import default
from selfgait_jax.data import datasets, input_pipeline, loading, splits


def input_options(parser):
  parser.add_argument('--clips', type=int, default=128, help='a batch')
  parser.add_argument('--frames', type=int, default=30, help='a clip')
  parser.add_argument('--seconds', type=float, default=3.0, help='a loader')
  parser.add_argument('--workers', type=int, default=2, help='threads')
  parser.add_argument(
    '--loader',
    choices=('tfdata', 'array'),
    action='append',
    help='can be given twice; both if it is not given',
  )
  parser.add_argument(
    '--subjects', type=int, default=20, help='of random pixels, without data'
  )
  parser.add_argument(
    '--dataset', choices=datasets.BY_OPTION, default='casiab', help='to read'
  )
  parser.add_argument('--data_dir', help='TFDS data directory to read instead')
  parser.add_argument('--packed', help='packed file to read instead')


def input_case(options):
  """Clips a second from sequences in memory, for each loader."""
  config = default.get_config()
  config.data.name = datasets.BY_OPTION[options.dataset].name
  config.data_dir, config.data.packed_file = options.data_dir, options.packed
  config.data.workers = options.workers
  stage = config.finetune
  stage.batch_subjects, stage.batch_sequences = 1, options.clips
  stage.frames = options.frames
  start = time.monotonic()
  if options.data_dir or options.packed:
    found = loading.load(config, splits.subjects(config, 'train'))
  else:
    facts = datasets.CASIA_B
    subjects = facts.subjects[: options.subjects]
    found = benchmark_common.random_sequences(
      itertools.product(subjects, facts.conditions, facts.views)
    )
  train = splits.cut(found, config, 'train')
  loaded = time.monotonic() - start
  subset = splits.training_rows(train, config, stage)
  for loader in options.loader or ('array', 'tfdata'):
    config.data.loader = loader
    batches = input_pipeline.batches(
      train, subset, config, 'finetune', 0, sys.maxsize
    )
    for _ in range(2 * config.data.prefetch):  # warm
      next(batches)
    steps, seconds = _time(batches, options.seconds)
    batches.close()
    yield {
      'loader': loader,
      'clips_per_second': round(steps * options.clips / seconds),
      'seconds': round(seconds, 3),
      'clips': options.clips,
      'frames': options.frames,
      'workers': options.workers,
      'sequences': len(train),
      'load_seconds': round(loaded, 1),
      'peak_memory_gb': benchmark_common.peak_memory_gb(),
    }


def _time(iterator, seconds):
  """(items taken, seconds they took), for about `seconds`."""
  count, start = 0, time.monotonic()
  while (spent := time.monotonic() - start) < seconds:
    next(iterator)
    count += 1
  return count, spent
