"""The training side and the test side of a config's data."""

import functools
from collections.abc import Callable

from selfgait_jax.data import loading, splits
from selfgait_jax.machine import processes


def loader(config) -> Callable:
  """'train' or 'test' -> SequenceSet; what both sides share is read once.

  All processes must ask for the same sides in the same order.
  """

  @functools.cache
  def read(subjects):
    # Rendered once; without shared folders then once a machine, under a lock.
    processes.from_first(lambda: loading.render(config))
    found = loading.load(config, subjects)
    if processes.count() > 1:  # the fingerprint takes its time
      processes.expect_same('data', found.fingerprint)
    return found

  return functools.cache(
    lambda side: splits.cut(read(splits.subjects(config, side)), config, side)
  )
