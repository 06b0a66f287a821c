"""Who trains, who is tested, and which share of the training data is used."""

import dataclasses

import numpy as np

from selfgait_jax import errors
from selfgait_jax.data import draws, partitions
from selfgait_jax.data.sequences import SequenceSet


@dataclasses.dataclass(frozen=True)
class Subset:
  """What one stage learns from.

  Attributes:
    unlabelled: int [N], rows for label-free steps; empty if it has none.
    labelled: int [M], rows for triplet steps; empty if it has none.
    names: the same in words, for a JSON file.
  """

  unlabelled: np.ndarray
  labelled: np.ndarray
  names: dict


def subjects(config, side: str) -> tuple[str, ...]:
  """Subjects whose sequences a side may hold, so that only they are loaded.

  With `reference.partition` both sides share one list.

  Args:
    config: the whole config.
    side: 'train' or 'test'.

  Raises:
    errors.UserError: unknown partition or excluded subject.
  """
  partition, excluded = partitions.of(config), partitions.excluded(config)
  everyone = partition.everyone
  if unknown := sorted(excluded - set(everyone)):
    raise errors.UserError(
      f'expected subjects of {config.data.name} ({everyone[0]} to '
      f'{everyone[-1]}), found {", ".join(unknown)}; change '
      'config.data.exclude_subjects'
    )
  if config.reference.partition:
    wanted = partition.train + partition.test
  else:
    wanted = getattr(partition, side)
  return tuple(s for s in wanted if s not in excluded)


def cut(sequences: SequenceSet, config, side: str) -> SequenceSet:
  """One side of what was loaded, sorted by subject, condition and view.

  Short sequences leave the training side. With `reference.partition` the
  sorted list is cut at 80 % wherever that falls, so that one subject may stand
  on both sides, and short ones leave both, as in SelfGait's `data_loader.py`.

  Raises:
    errors.UserError: nothing is left.
  """
  rows = np.lexsort((sequences.views, sequences.conditions, sequences.subjects))
  rows = rows[np.isin(sequences.subjects[rows], subjects(config, side))]
  if side == 'train' or config.reference.partition:
    rows = rows[sequences.lengths[rows] >= config.data.min_frames]
  if config.reference.partition:
    place = len(rows) * 8 // 10
    rows = rows[:place] if side == 'train' else rows[place:]
  if not len(rows):
    raise errors.UserError(
      f'expected sequences to {side} with, found none of {len(sequences)}; '
      'prepare more of the data set or change config.data.partition, '
      'exclude_subjects or min_frames'
    )
  return sequences.select(rows)


def held_out_rows(sequences: SequenceSet, config) -> np.ndarray:
  """Rows of the training subjects of the held-out check; none if it is off.

  Args:
    sequences: the training side, as `cut` returns it.
    config: the whole config.

  Raises:
    errors.UserError: no subject would be left, or none held out.
  """
  names = np.unique(sequences.subjects)
  if not config.log.held_out_every_steps:
    return np.arange(0)
  if not 0 < config.log.held_out_subjects < len(names):
    raise errors.UserError(
      f'expected config.log.held_out_subjects from 1 to {len(names) - 1}, '
      f'below the {len(names)} training subjects, found '
      f'{config.log.held_out_subjects}; change config.log.held_out_subjects'
    )
  held_out = names[-config.log.held_out_subjects :]
  return np.flatnonzero(np.isin(sequences.subjects, held_out))


def training_rows(sequences: SequenceSet, config, stage) -> Subset:
  """The shares of the training data that a stage sees.

  The labelled and the unlabelled share are drawn apart, each a function of the
  seed; a smaller share is part of a larger one, in every stage alike.

  Args:
    sequences: the training side, as `cut` returns it.
    config: the whole config.
    stage: its section for the stage.

  Raises:
    errors.UserError: a share out of range, or too small for a batch.
  """
  rows = np.setdiff1d(
    np.arange(len(sequences)), held_out_rows(sequences, config)
  )
  data, chosen, names = config.data, {}, {}
  shares = {
    'unlabelled': ('data', data.unlabelled_fraction, data.unlabelled_by),
    'labelled': ('the stage', stage.labelled_fraction, data.labelled_by),
  }
  for kind, (section, fraction, by) in shares.items():
    unused = (
      'supervised' if kind == 'unlabelled' else ('two_view', 'predictive')
    )
    if stage.objective in unused:
      chosen[kind] = np.arange(0)
      continue
    key = f'{kind}_fraction of {section}'
    rng = draws.generator(config.seed, kind)
    chosen[kind], listed = _share(sequences, rows, fraction, by, rng, key)
    names[kind] = {'by': by, 'fraction': fraction, 'chosen': listed}
    if kind == 'labelled' or config.reference.pretrain_sampler:
      _check_subjects(sequences, chosen[kind], stage, key)
  return Subset(**chosen, names=names)


def _share(sequences, rows, fraction, by, rng, key):
  """(rows, names) of a random share of the subjects or of the sequences."""
  if not 0 < fraction <= 1:
    raise errors.UserError(
      f'expected {key} above 0 and at most 1, found {fraction}; change it'
    )
  if by == 'subject':
    names = sequences.subjects[rows]
  else:
    fields = sequences.subjects, sequences.conditions, sequences.views
    columns = (field[rows] for field in fields)
    names = np.array(['/'.join(row) for row in zip(*columns, strict=True)])
  order = rng.permutation(np.unique(names))
  chosen = np.sort(order[: max(1, round(fraction * len(order)))])
  return rows[np.isin(names, chosen)], chosen.tolist()


def _check_subjects(sequences, rows, stage, key):
  found = len(np.unique(sequences.subjects[rows]))
  if found < stage.batch_subjects:
    raise errors.UserError(
      f'expected at least {stage.batch_subjects} subjects, as many as '
      f'batch_subjects of the stage, found {found} in the training data; raise '
      f'{key} or lower batch_subjects'
    )
