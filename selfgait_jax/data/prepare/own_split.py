"""Who trains and who is tested among the people of one's own data."""

import pathlib
from collections.abc import Iterable

from selfgait_jax import errors
from selfgait_jax.data import datasets, draws
from selfgait_jax.machine import files

FILE = 'own.json'  # in the TFDS data directory; config.data.partition_file
_LEAST = 2  # people to test, if there are four: one is always recognised


def check(share: float) -> None:
  """Raises UserError unless `share` is from 0 to 1."""
  if not 0 <= share <= 1:
    raise errors.UserError(
      f'expected --test-share from 0 to 1, found {share}; change it'
    )


def write(
  path: pathlib.Path, subjects: Iterable[str], share: float, seed: int
) -> tuple[list[str], list[str]]:
  """Writes a partition in OpenGait's form, and returns it.

  Every name draws a number, and those with the lowest are tested. So the draws
  of the others stay as they are when people are added. Unlabelled clips train.

  Args:
    path: of the JSON file.
    subjects: names, which may include `datasets.UNLABELLED`.
    share: of the people to test, 0 to 1; see `check`.
    seed: of the draws.

  Returns:
    Names of the people who train and of those who are tested, sorted.
  """
  found = {*subjects}
  unlabelled = sorted(found & {datasets.UNLABELLED})
  people = found - {*unlabelled}
  draw = lambda name: draws.generator(seed, 'own', name).random()
  order = sorted(people, key=lambda name: (draw(name), name))
  count = round(share * len(order))
  if share and len(order) >= 2 * _LEAST:
    count = max(_LEAST, count)
  test, train = sorted(order[:count]), sorted(order[count:])
  files.write_json(path, {'TRAIN_SET': unlabelled + train, 'TEST_SET': test})
  return train, test
