"""The cases `evaluate` and `search` of `benchmark.py`: a whole test set."""

import itertools

import jax
import numpy as np

from benchmarks import common
from configs import default
from selfgait_jax import embedder, retrieval
from selfgait_jax.data import datasets
from selfgait_jax.machine import sharding
from selfgait_jax.models import factory


def evaluate_options(parser):
  settings = default.get_config().eval
  parser.add_argument(
    '--sequences', type=common.count, default=64, help='in all'
  )
  parser.add_argument(
    '--batch_frames',
    type=common.count,
    default=settings.batch_frames,
    help='padded frames a device step',
  )
  parser.add_argument(
    '--max_frames',
    type=common.count,
    default=settings.max_frames,
    help='of a sequence',
  )
  parser.add_argument(
    '--repeats', type=common.count, default=3, help='timed passes'
  )
  common.device_options(parser)


def evaluate_case(options):
  """Sequences a second in buckets, and one at a time on one device.

  Buckets and the first of the others pad to the same few lengths.
  `first_seconds` includes compiling, once a length.
  """
  mesh = common.make_mesh(options.devices)
  single = sharding.make_mesh(mesh.devices.flat[:1])
  config = default.get_config()
  config.model.dtype = options.dtype
  config.eval.max_frames = options.max_frames
  names = datasets.CASIA_B.sequences()
  found = common.random_sequences(itertools.islice(names, options.sequences))
  frames = int(np.minimum(found.lengths, options.max_frames).sum())
  model = factory.make_model(config.model)
  variables = factory.init_variables(
    model, jax.random.key(0), config.model.crop_width
  )
  for batching, over, batch_frames, together in (
    ('buckets', mesh, options.batch_frames, len(found)),
    ('one at a time', single, 1, len(found)),
    ('one at a time, unpadded', single, 1, 1),
  ):
    embed = embedder.make_embedder(
      model, over, 'embedding', config.model.crop_width, batch_frames
    )

    def run(embed=embed, together=together):
      for start in range(0, len(found), together):
        rows = np.arange(start, start + together)
        embed(variables, found, config.eval.max_frames, rows)

    first, _ = common.seconds(run)
    seconds = common.median_seconds(run, options.repeats)
    yield {
      'batching': batching,
      'sequences_per_second': round(len(found) / seconds, 2),
      'frames_per_second': round(frames / seconds, 1),
      'seconds': round(seconds, 5),
      'first_seconds': round(first, 1),
      'sequences': len(found),
      'frames': frames,
      'dtype': options.dtype,
      **common.describe(over),
    }


def search_options(parser):
  parser.add_argument(
    '--probes', type=common.count, default=1024, help='sequences'
  )
  parser.add_argument(
    '--gallery', type=common.count, default=8192, help='sequences'
  )
  parser.add_argument(
    '--parts', type=common.count, default=31, help='of an embedding'
  )
  parser.add_argument(
    '--features', type=common.count, default=128, help='of a part'
  )
  parser.add_argument(
    '--nearest', type=common.count, default=20, help='to be found'
  )
  parser.add_argument(
    '--metric', choices=retrieval.METRICS, default='euclidean', help='distance'
  )
  parser.add_argument('--repeats', type=common.count, default=3, help='timed')


def search_case(options):
  """Probes a second that find their nearest in a gallery, in blocks.

  `all_pairs_seconds` is what the whole gallery would take as probes, from the
  time of these.
  """
  rng = np.random.default_rng(0)
  probes, gallery = (
    rng.standard_normal((count, options.parts, options.features), np.float32)
    for count in (options.probes, options.gallery)
  )
  run = lambda: retrieval.nearest(
    probes, gallery, options.nearest, options.metric
  )
  first, _ = common.seconds(run)
  seconds = common.median_seconds(run, options.repeats)
  device = jax.devices()[0]
  yield {
    'probes_per_second': round(options.probes / seconds, 1),
    'distances_per_second': round(options.probes * options.gallery / seconds),
    'seconds': round(seconds, 5),
    'all_pairs_seconds': round(seconds * options.gallery / options.probes, 1),
    'first_seconds': round(first, 1),
    'probes': options.probes,
    'gallery': options.gallery,
    'nearest': options.nearest,
    'metric': options.metric,
    'parts': options.parts,
    'features': options.features,
    'dtype': 'float32',
    'device': device.device_kind,
    'peak_memory_gb': common.peak_memory_gb(device),
  }
