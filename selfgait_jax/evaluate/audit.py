"""How right the pseudo-identities of a round were; training never reads it."""

import itertools

import numpy as np
from scipy import sparse
from sklearn import metrics

from selfgait_jax.data import splits
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.evaluate import tables
from selfgait_jax.run.pseudo_labels import Round


def audit(
  rounds: dict[int, Round], sequences: SequenceSet, setting: str
) -> list[dict]:
  """Compares the pseudo-identities of every round with the subjects.

  Args:
    rounds: by step, from `pseudo_labels.read_all`.
    sequences: the training side, with names; must include those of the rounds.
    setting: with 'synchronised' a walk counts once, not once a camera.

  Returns:
    For each round `step`; `classes`; `share` of the sequences that have a
    pseudo-identity; and of pairs with the same pseudo-identity or subject:
    `precision`, `recall`, and for every two kinds of conditions the recall
    between them, such as `recall/nm-cl`; all in 0..1. `cameras` is the
    normalised mutual information with the camera, 0 if it tells nothing. Own
    clips without a name are left out; nothing is left if all are such.
  """
  place = {pixels: row for row, pixels in enumerate(sequences.hashes)}
  found = []
  for step, stored in rounds.items():
    rows = np.array([place.get(pixels, -1) for pixels in stored.pixels])
    known = (rows >= 0) & splits.is_known(sequences)[rows]
    if not known.any():
      continue
    some, labels = sequences.select(rows[known]), stored.labels[known]
    found.append({'step': step} | _round(some, labels, setting))
  return found


def _round(sequences, labels, setting):
  has = labels >= 0
  found = {
    'classes': len(np.unique(labels[has])),
    'share': float(has.mean()) if len(has) else 0.0,
    'cameras': float(
      metrics.normalized_mutual_info_score(sequences.views[has], labels[has])
    ),
  }
  subjects, conditions = sequences.subjects, sequences.conditions
  if setting == 'synchronised':
    walks = np.char.add(np.char.add(subjects, '/'), conditions)
    _, first = np.unique(walks, return_index=True)
    subjects, conditions = subjects[first], conditions[first]
    labels = labels[first]
  alone = labels.max(initial=-1) + 1 + np.arange(len(labels))
  labels = np.where(labels < 0, alone, labels)
  table = _contingency(labels, subjects)
  right = _pairs(table.data)
  found['precision'] = _share(right, _pairs(table.sum(axis=1)))
  found['recall'] = _share(right, _pairs(table.sum(axis=0)))
  kinds = np.array([tables.kind(name) for name in conditions])
  by_kind = {
    kind: _contingency(labels, subjects, kinds == kind)
    for kind in sorted(set(kinds), reverse=True)
  }
  for (kind, some), (other, others) in itertools.combinations(
    by_kind.items(), 2
  ):
    together = some.multiply(others).sum()
    possible = some.sum(axis=0) @ others.sum(axis=0)
    found[f'recall/{kind}-{other}'] = _share(together, possible)
  return found


def _contingency(labels, subjects, chosen=None):
  """How many chosen rows have each label and subject, sparse [K, S]."""
  rows = np.unique(labels, return_inverse=True)[1]
  columns = np.unique(subjects, return_inverse=True)[1]
  weights = np.ones(len(rows)) if chosen is None else chosen.astype(float)
  shape = rows.max() + 1, columns.max() + 1
  return sparse.coo_array((weights, (rows, columns)), shape=shape).tocsr()


def _pairs(counts):
  return float((counts * (counts - 1)).sum() / 2)


def _share(part, whole):
  return float(part / whole) if whole else 0.0
