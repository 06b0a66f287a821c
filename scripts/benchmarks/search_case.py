"""The case `search` of `benchmark.py`: nearest neighbours in a gallery."""

import argparse
from collections.abc import Iterator

import jax
import numpy as np

from benchmarks import common
from selfgait_jax import retrieval


def options(parser: argparse.ArgumentParser) -> None:
  for name, default, text in (
    ('--probes', 1024, 'probe embeddings'),
    ('--gallery', 8192, 'gallery embeddings'),
    ('--parts', 31, 'parts of an embedding'),
    ('--features', 128, 'features of a part'),
    ('--nearest', 20, 'neighbours to find'),
  ):
    parser.add_argument(name, type=common.count, default=default, help=text)
  parser.add_argument(
    '--metric', choices=retrieval.METRICS, default='euclidean', help='distance'
  )
  common.repeats_option(parser, 3)


def run(options: argparse.Namespace) -> Iterator[dict]:
  """Probes per second that find their nearest in a gallery, in blocks.

  `all_pairs_seconds` extrapolates: the time if the whole gallery were the
  probes.
  """
  rng = np.random.default_rng(0)
  probes, gallery = (
    rng.standard_normal((count, options.parts, options.features), np.float32)
    for count in (options.probes, options.gallery)
  )
  search = lambda: retrieval.nearest(
    probes, gallery, options.nearest, options.metric
  )
  first, _ = common.seconds(search)
  seconds = common.median_seconds(search, options.repeats)
  device = jax.devices()[0]
  yield {
    'probes_per_second': round(options.probes / seconds, 1),
    'distances_per_second': round(options.probes * options.gallery / seconds),
    'seconds': round(seconds, 5),
    'all_pairs_seconds': round(seconds * options.gallery / options.probes, 1),
    'first_seconds': round(first, 1),
    **common.requested(
      options, 'probes', 'gallery', 'nearest', 'metric', 'parts', 'features'
    ),
    'dtype': 'float32',
    'device': device.device_kind,
    'peak_memory_gb': common.peak_memory_gb(device),
  }
