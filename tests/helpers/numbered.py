"""Made-up sequences in which each frame stores its own number."""

import itertools

import numpy as np

from selfgait_jax.data import datasets, sequences


def sequence_set(subjects, conditions=4, views=3, lengths=(5, 40), seed=0):
  """Sequences named as in CASIA-B, of 2 x 2 pixels and random lengths.

  Args:
    subjects: how many, from 001 on, or their names.
    conditions: how many.
    views: how many.
    lengths: from the first to below the second.
    seed: of the lengths.
  """
  facts, rng = datasets.CASIA_B, np.random.default_rng(seed)
  if isinstance(subjects, int):
    subjects = facts.subjects[:subjects]
  names = itertools.product(
    subjects, facts.conditions[:conditions], facts.views[:views]
  )
  records = [
    (*name, np.zeros((rng.integers(*lengths), 2, 2), np.uint8))
    for name in names
  ]
  found = sequences.from_records(records, facts.name)
  found.frames.reshape(-1, 4).view(np.uint32)[:, 0] = np.arange(
    len(found.frames)
  )
  return found


def frame_numbers(clips):
  """Reads the numbers back: uint8 [..., 2, 2] to int64 [...]."""
  flat = np.ascontiguousarray(clips).reshape(*clips.shape[:-2], 4)
  return flat.view(np.uint32)[..., 0].astype(np.int64)


def rows_of(found, clips):
  """Row of the sequence that each clip of [B, T, 2, 2] was cut from."""
  return np.searchsorted(found.starts, frame_numbers(clips)[:, 0], 'right') - 1
