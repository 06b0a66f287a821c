"""Random generators that depend on nothing but their name."""

import zlib

import numpy as np


def generator(*words: int | str) -> np.random.Generator:
  """A generator that is a function of these words, the same on any machine.

  So anything drawn can be named by where it belongs, for example (seed, stage,
  step), and is the same after a restart and in another process.
  """
  entropy = [
    zlib.crc32(word.encode()) if isinstance(word, str) else word % 2**64
    for word in words
  ]
  return np.random.default_rng(entropy)
