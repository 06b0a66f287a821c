"""Anonymous sequences: what label-free training may know, and nothing else.

Two settings, which no table mixes:

- strict: who walks is unknown, and so is what belongs together. The camera of a
  sequence is known.
- synchronised: besides, recordings of one walk by several cameras carry one
  anonymous number.

Subjects, conditions, dates and the order of the recordings are unknown in both.
"""

import dataclasses

import ml_collections
import numpy as np

from selfgait_jax.data import datasets
from selfgait_jax.data.sequences import SequenceSet

SETTINGS = ('strict', 'synchronised')


def setting_of(stage: ml_collections.ConfigDict) -> str:
  """The setting of a label-free stage; '' for a stage that uses labels."""
  if stage.objective in ('supervised', 'joint'):
    return ''
  if 'setting' in stage:
    return stage.setting
  pairs = stage.pairs == 'synchronised_views'
  return 'synchronised' if pairs else 'strict'


def order(sequences: SequenceSet, rows: np.ndarray) -> np.ndarray:
  """Sorts rows by a hash of their pixels, an order that tells nothing.

  Data sets are sorted by subject, so a position would give the subject away.
  """
  hashes = dict(zip(rows, sequences.select(rows).hashes, strict=True))
  key = lambda row: (hashes[row], sequences.views[row])
  return np.array(sorted(rows, key=key), np.int64)


def hide(sequences: SequenceSet, setting: str) -> SequenceSet:
  """The same sequences without anything that `setting` does not know.

  Args:
    sequences: N of them, in the order of `order`.
    setting: one of `SETTINGS`.

  Returns:
    A set in which `subjects` are numbers of walks, in 'strict' a number for
    each sequence; `conditions` are empty; `views` are cameras, '' where the
    data set does not tell them.
  """
  count = len(sequences)
  numbers = range(count)
  if setting == 'synchronised':
    first = {}  # numbered as they come, which follows the pixels
    walks = zip(sequences.subjects, sequences.conditions, strict=True)
    numbers = [first.setdefault(walk, len(first)) for walk in walks]
  return dataclasses.replace(
    sequences,
    subjects=np.array([f'{number:08d}' for number in numbers]),
    conditions=np.full(count, ''),
    views=cameras(sequences),
    pixels=sequences.hashes,
  )


def cameras(sequences: SequenceSet) -> np.ndarray:
  """The camera of each sequence, str [N]; '' where its names do not tell."""
  facts = datasets.find(sequences.name)
  if facts is None:
    return np.full(len(sequences), '')
  names = zip(sequences.conditions, sequences.views, strict=True)
  return np.array([facts.camera(*name) for name in names])
