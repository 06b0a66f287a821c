"""The case `evaluate` of `benchmark.py`: embedding a whole test set."""

import argparse
import itertools
from collections.abc import Iterator

import jax
import numpy as np

from benchmarks import common
from selfgait_jax import embedder
from selfgait_jax.configs import default
from selfgait_jax.data import datasets
from selfgait_jax.machine import sharding
from selfgait_jax.models import factory


def options(parser: argparse.ArgumentParser) -> None:
  settings = default.get_config().eval
  parser.add_argument(
    '--sequences', type=common.count, default=64, help='sequences in all'
  )
  parser.add_argument(
    '--batch_frames',
    type=common.count,
    default=settings.batch_frames,
    help='frames in a batch, padding included',
  )
  parser.add_argument(
    '--max_frames',
    type=common.count,
    default=settings.max_frames,
    help='frames used of each sequence',
  )
  common.repeats_option(parser, 3)
  common.device_options(parser)


def run(options: argparse.Namespace) -> Iterator[dict]:
  """Sequences per second in buckets, and one at a time on one device.

  The buckets, and the first of the two ways without them, pad to the same few
  lengths. `first_seconds` includes compiling, once for each length.
  """
  mesh = common.make_mesh(options.devices)
  single = sharding.make_mesh(mesh.devices.flat[:1])
  config = default.get_config()
  config.model.dtype = options.dtype
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

    def embed_all(embed=embed, together=together):
      for start in range(0, len(found), together):
        rows = np.arange(start, start + together)
        embed(variables, found, options.max_frames, rows)

    first, _ = common.seconds(embed_all)
    seconds = common.median_seconds(embed_all, options.repeats)
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
