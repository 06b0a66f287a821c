"""From distances of clips to distances of people, and the nearest of them."""

import numpy as np

from selfgait_jax import errors

BY = ('nearest', 'mean')
CLIPS = 3  # the nearest clips of a person that 'mean' averages, or all if fewer


def check_by(by: str) -> None:
  if by not in BY:
    raise errors.UserError(
      f'expected people to be compared by {" or ".join(BY)}, found '
      f'{errors.printable(by)}'
    )


def person_distances(
  distance: np.ndarray, person: np.ndarray, count: int, by: str
) -> np.ndarray:
  """Distances of probes to people.

  Args:
    distance: float32 [M, N], to every clip; infinity leaves a clip out.
    person: int [N], from 0 to `count` - 1, the person of every clip.
    count: number of people, S.
    by: 'nearest', the distance of the person's nearest clip; or 'mean', the
      mean of that of the `CLIPS` nearest.

  Returns:
    float32 [M, S]; infinity for people without clips.
  """
  found = np.full((len(distance), count), np.inf, np.float32)
  order = np.argsort(person, kind='stable')
  person = person[order]
  start = np.flatnonzero(np.append(True, person[1:] != person[:-1]))
  start = start[: len(person)]  # none of none
  if not len(start):
    return found
  if by == 'nearest':
    nearest = np.minimum.reduceat(distance[:, order], start, axis=1)
    found[:, person[start]] = nearest
    return found
  place = np.arange(len(person)) - np.repeat(
    start, np.diff(np.append(start, len(person)))
  )
  for row, values in enumerate(distance[:, order]):
    values = values[np.lexsort((values, person))]
    used = (place < CLIPS) & np.isfinite(values)
    total = np.add.reduceat(np.where(used, values, 0), start)
    number = np.add.reduceat(used, start, dtype=np.int64)
    mean = np.where(number > 0, total / np.maximum(number, 1), np.inf)
    found[row, person[start]] = mean
  return found


def first(distance: np.ndarray, k: int) -> np.ndarray:
  """Places of the k smallest of [S], ascending; of equals the first.

  Infinite ones are left out.
  """
  near = np.flatnonzero(np.isfinite(distance))
  if k < len(near):
    limit = np.partition(distance[near], k - 1)[k - 1]
    near = near[distance[near] <= limit]
  return near[np.argsort(distance[near], kind='stable')][:k]
