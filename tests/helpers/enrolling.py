"""Clips to enrol, and processes that enrol them while a test kills them.

Run as `python enrolling.py WORK GALLERY NUMBER`.
"""

import pathlib
import sys

import numpy as np

from selfgait_jax.gallery import rows
from selfgait_jax.gallery.store import Store

FACTS = {'fingerprint': 'abc', 'model': 'selfgait', 'metric': 'euclidean'}
CLIPS = 3  # of each person that a process enrols


def entry(number, source=None, shape=(2, 3)):
  """A clip; its number decides its digest and embedding."""
  rng = np.random.default_rng(number)
  return rows.Entry(
    f'walk/{number}' if source is None else source,
    20,
    'good',
    rows.digest_of(np.array([number])),
    rng.standard_normal(shape).astype(np.float32),
  )


def made(path, people=20):
  """Makes a gallery in which each person has one clip."""
  store = Store(path, FACTS)
  for person in range(people):
    store.add(f'person {person}', [entry(person, shape=(31, 32))])
  store.close()


def contents(path):
  """{name: numbers of clips} as another process sees it."""
  store = Store(path)
  found = {person.name: person.clips for person in store.people()}
  store.close()
  return found


def enrol(store, number):
  """Enrols 40 people."""
  for person in range(40):
    store.add(f'{number}-{person}', _clips(1000 * number + 10 * person))


def churn(store, number):
  """Enrols and removes people until it is killed."""
  for person in range(10**6):
    store.add(f'{number}-{person}', _clips(10**8 * number + 10 * person))
    if person % 3:
      store.remove(f'{number}-{person - 1}')
      store.erase()


def _clips(first):
  return [entry(first + i, shape=(31, 64)) for i in range(CLIPS)]


if __name__ == '__main__':
  opened = Store(pathlib.Path(sys.argv[2]), FACTS)
  print('ready', flush=True)
  {'enrol': enrol, 'churn': churn}[sys.argv[1]](opened, int(sys.argv[3]))
  opened.close()
