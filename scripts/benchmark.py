"""How fast it is here: one JSON line a case, `benchmark.py CASE --help`."""

import argparse
import itertools
import json
import os
import resource
import sys
import time

import numpy as np

from configs import default
from selfgait_jax import errors
from selfgait_jax.data import (
  datasets,
  input_pipeline,
  loading,
  sequences,
  splits,
)


def main() -> int:
  """Exit status 1 and one sentence if the case cannot be run."""
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
  parser = argparse.ArgumentParser(description=__doc__)
  cases = parser.add_subparsers(dest='case', required=True)
  for name, (add_options, run) in CASES.items():
    case = cases.add_parser(name, help=run.__doc__, description=run.__doc__)
    add_options(case)
    case.set_defaults(run=run)
  options = parser.parse_args()
  try:
    for result in options.run(options):
      print(json.dumps({'case': options.case, **result}), flush=True)
  except errors.UserError as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  return 0


def input_options(parser):
  parser.add_argument('--clips', type=int, default=128, help='a batch')
  parser.add_argument('--frames', type=int, default=30, help='a clip')
  parser.add_argument('--seconds', type=float, default=3.0, help='a loader')
  parser.add_argument('--workers', type=int, default=2)
  parser.add_argument('--loader', choices=('tfdata', 'array'), action='append')
  parser.add_argument(
    '--subjects', type=int, default=20, help='of random pixels, without data'
  )
  parser.add_argument('--dataset', choices=datasets.BY_OPTION, default='casiab')
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
    found = _random_sequences(options.subjects)
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
      'peak_memory_gb': peak_memory_gb(),
    }


def peak_memory_gb() -> float:
  """The most that this process has held, in 10^9 bytes."""
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  unit = 1 if sys.platform == 'darwin' else 1024
  return round(peak * unit / 1e9, 2)


def _time(iterator, seconds):
  """(items taken, seconds they took), for about `seconds`."""
  count, start = 0, time.monotonic()
  while (spent := time.monotonic() - start) < seconds:
    next(iterator)
    count += 1
  return count, spent


def _random_sequences(num_subjects):
  """Noise in CASIA-B's layout, of its usual lengths."""
  rng, facts = np.random.default_rng(0), datasets.CASIA_B
  names = itertools.product(
    facts.subjects[:num_subjects], facts.conditions, facts.views
  )
  records = (
    (*name, rng.integers(0, 256, (rng.integers(60, 120), 64, 64), np.uint8))
    for name in names
  )
  return sequences.from_records(records, facts.name)


CASES = {'input': (input_options, input_case)}  # name: (its options, itself)

if __name__ == '__main__':
  sys.exit(main())
