"""The case `discover` of `benchmark.py`: identities among many sequences."""

import argparse
from collections.abc import Iterator

import jax
import numpy as np

from benchmarks import common
from selfgait_jax.data import blind, sequences
from selfgait_jax.discover import discovery


def options(parser: argparse.ArgumentParser) -> None:
  for name, default, text in (
    ('--people', 100, 'people, each with --walks walks past all cameras'),
    ('--walks', 4, 'walks of a person'),
    ('--cameras', 11, 'cameras'),
    ('--parts', 16, 'parts of an embedding'),
    ('--features', 32, 'features of a part'),
  ):
    parser.add_argument(name, type=common.count, default=default, help=text)
  parser.add_argument(
    '--setting', choices=blind.SETTINGS, default='strict', help='what is known'
  )


def run(options: argparse.Namespace) -> Iterator[dict]:
  """Seconds and memory to find pseudo-identities in random embeddings.

  Each person is a random centre; the sequences lie around it, in all cameras
  alike. The time includes the choice of the threshold.
  """
  rng = np.random.default_rng(0)
  shape = options.people, options.walks, options.cameras
  size = options.parts, options.features
  centres = rng.standard_normal((options.people, *size), np.float32)
  person, walk, camera = (x.ravel() for x in np.indices(shape))
  embeddings = rng.standard_normal((len(person), *size), np.float32)
  embeddings += centres[person]
  embeddings /= np.linalg.norm(embeddings, axis=-1, keepdims=True)
  count = len(person)
  known = sequences.SequenceSet(
    frames=np.zeros((1, 1, 1), np.uint8),
    starts=np.zeros(count, np.int64),
    lengths=np.ones(count, np.int64),
    subjects=np.array([f'{n:08d}' for n in person * options.walks + walk]),
    conditions=np.full(count, ''),
    views=np.array([f'{n:03d}' for n in camera]),
    name='random',
    pixels=np.full(count, ''),
  )
  seconds, found = common.seconds(
    discovery.find,
    embeddings,
    embeddings[:, : -(-options.parts // 3)],
    known,
    options.setting,
    2 * options.walks,
    options.walks,
    2,  # sequences of the smallest group
  )
  device = jax.devices()[0]
  yield {
    'seconds': round(seconds, 1),
    'sequences': count,
    'classes': found.classes,
    **common.requested(
      options, 'setting', 'people', 'walks', 'cameras', 'parts', 'features'
    ),
    'device': device.device_kind,
    'peak_memory_gb': common.peak_memory_gb(device),
  }
