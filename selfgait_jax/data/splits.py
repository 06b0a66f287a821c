"""Which sequences train, which are tested, and which share a stage uses."""

import dataclasses
import json
import pathlib

import ml_collections
import numpy as np

from selfgait_jax import errors
from selfgait_jax.data import blind, datasets, draws, partition_file, partitions
from selfgait_jax.data.sequences import SequenceSet

_SHARES = {  # by objective
  'two_view': ('unlabelled',),
  'predictive': ('unlabelled',),
  'joint': ('unlabelled', 'labelled'),
  'clusters': ('unlabelled',),
  'supervised': ('labelled',),
}


@dataclasses.dataclass(frozen=True)
class Subset:
  """What one stage learns from.

  Attributes:
    unlabelled: rows for label-free steps, int [N]; empty if there are none.
    labelled: rows for labelled steps, int [M]; empty if there are none.
    names: the names of what was chosen, for a JSON file.
  """

  unlabelled: np.ndarray
  labelled: np.ndarray
  names: dict


def subjects(config: ml_collections.ConfigDict, side: str) -> tuple[str, ...]:
  """Names of the subjects of a side; only their sequences need to be loaded.

  With `reference.partition` both sides have all subjects.

  Args:
    config: the whole config.
    side: 'train' or 'test'.

  Raises:
    errors.UserError: the partition or an excluded subject is unknown.
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


def cut(
  sequences: SequenceSet, config: ml_collections.ConfigDict, side: str
) -> SequenceSet:
  """Selects one side of what was loaded, sorted by subject, condition, view.

  The training side loses sequences shorter than `data.min_frames`. With
  `reference.partition` both sides do, and the sorted list is cut at 80 %, which
  can put one subject on both sides, as in SelfGait's `data_loader.py`.

  Args:
    sequences: of the subjects of this side, or of more.
    config: the whole config.
    side: 'train' or 'test'.

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


def held_out_rows(
  sequences: SequenceSet, config: ml_collections.ConfigDict
) -> np.ndarray:
  """Rows of the subjects of the held-out check; none if it is off.

  They are the last of the training subjects; no stage learns from them.

  Args:
    sequences: the training side, as `cut` returns it.
    config: the whole config.

  Raises:
    errors.UserError: no subject would be left to train on.
  """
  names = np.unique(sequences.subjects[is_known(sequences)])
  if not config.log.held_out_every_steps:
    return np.arange(0)
  if config.log.held_out_subjects >= len(names):
    raise errors.UserError(
      f'expected config.log.held_out_subjects from 1 to {len(names) - 1}, '
      f'below the {len(names)} training subjects, found '
      f'{config.log.held_out_subjects}; change config.log.held_out_subjects'
    )
  held_out = names[-config.log.held_out_subjects :]
  return np.flatnonzero(np.isin(sequences.subjects, held_out))


def training_rows(
  sequences: SequenceSet,
  config: ml_collections.ConfigDict,
  stage: ml_collections.ConfigDict,
) -> Subset:
  """Draws the shares of the training data that a stage learns from.

  The labelled and the unlabelled share are drawn independently, each as a
  function of the seed. A smaller share is always part of a larger one, so all
  stages with the same fraction get the same share.

  Args:
    sequences: the training side, as `cut` returns it.
    config: the whole config.
    stage: its section for the stage.

  Raises:
    errors.UserError: a share has too few subjects for a batch.
  """
  rows = np.setdiff1d(
    np.arange(len(sequences)), held_out_rows(sequences, config)
  )
  data, chosen, names = config.data, {}, {}
  known = is_known(sequences)
  shares = {
    'unlabelled': ('data', data.unlabelled_fraction, data.unlabelled_by),
    'labelled': ('the stage', stage.labelled_fraction, data.labelled_by),
  }
  for kind in _SHARES[stage.objective]:
    section, fraction, by = shares[kind]
    rng = draws.generator(config.seed, kind)
    able = rows if kind == 'unlabelled' else rows[known[rows]]
    chosen[kind], listed = _share(sequences, able, fraction, by, rng)
    names[kind] = {'by': by, 'fraction': fraction, 'chosen': listed}
    alone = kind == 'labelled' and not stage.get('pseudo_identities')
    if alone or config.reference.pretrain_sampler:
      key = f'{kind}_fraction of {section}'
      _check_subjects(sequences, chosen[kind], stage, key)
  none = np.arange(0)
  return Subset(
    chosen.get('unlabelled', none), chosen.get('labelled', none), names
  )


def hide(
  sequences: SequenceSet, subset: Subset, setting: str
) -> tuple[SequenceSet, Subset]:
  """What a label-free stage may know of its share, as a set of its own.

  Args:
    sequences: the training side, as `cut` returns it.
    subset: from `training_rows`, without labelled rows.
    setting: see data/blind.py.

  Returns:
    The unlabelled sequences, anonymous and in an order that tells nothing, and
    all of their rows. They share the frames of `sequences`.
  """
  rows = blind.order(sequences, subset.unlabelled)
  hidden = blind.hide(sequences.select(rows), setting)
  return hidden, dataclasses.replace(subset, unlabelled=np.arange(len(rows)))


def check_same(path: pathlib.Path, subset: Subset) -> None:
  """Compares a stage with the `subset.json` that its first part wrote.

  A stage that resumes with other sequences would mix two training sets; with
  the held-out check switched on, it would score subjects it has learned.

  Args:
    path: of the file; nothing is compared if it does not exist.
    subset: what the stage would learn from now.

  Raises:
    errors.UserError: the file names other sequences or is damaged.
  """
  before, now = _read_names(path), _chosen(subset.names)
  if before is not None and before != now:
    different = sorted(
      name
      for kind in before.keys() | now.keys()
      for name in before.get(kind, set()) ^ now.get(kind, set())
    )
    raise errors.UserError(
      f'expected {path.parent} to go on with the training data that its '
      f'{path.name} lists, found {len(different)} names different '
      f'({partition_file.some(different)}); restore config.data, '
      'labelled_fraction and config.log.held_out_subjects, or change --workdir'
    )


def check_unseen(
  path: pathlib.Path,
  sequences: SequenceSet,
  config: ml_collections.ConfigDict,
) -> None:
  """Checks that an earlier stage did not learn the held-out subjects.

  Args:
    path: of the earlier stage's `subset.json`; nothing is checked if it does
      not exist.
    sequences: the training side, as `cut` returns it.
    config: the whole config.

  Raises:
    errors.UserError: it did, or the file is damaged.
  """
  held_out = set(sequences.subjects[held_out_rows(sequences, config)].tolist())
  learned = {
    name.split('/')[0]
    for names in (_read_names(path) or {}).values()
    for name in names
  }
  if seen := sorted(held_out & learned):
    raise errors.UserError(
      f'expected no held-out subjects among those that {path.parent} learned '
      f'from, found {len(seen)} ({partition_file.some(seen)}); set '
      'config.log.held_out_every_steps as it was then, or change --workdir'
    )


def is_known(sequences: SequenceSet) -> np.ndarray:
  """bool [N], whether the subject is known; own data has unlabelled clips."""
  unknown = sequences.subjects == datasets.UNLABELLED
  return ~unknown | (sequences.name != datasets.OWN.name)


def _read_names(path):
  """{share: names} of a `subset.json`; None if there is no such file."""
  try:
    names = _chosen(json.loads(path.read_text(encoding='utf-8')))
    if not all(isinstance(n, str) for share in names.values() for n in share):
      raise TypeError('names that are no text')
    return names
  except FileNotFoundError:
    return None
  except Exception as error:  # of many types, if someone changed the file
    raise errors.UserError(
      f'expected the names of the training data in {path}, found none '
      f'({type(error).__name__}); delete the file to go on without a comparison'
    ) from error


def _chosen(names):
  return {kind: set(share['chosen']) for kind, share in names.items()}


def _share(sequences, rows, fraction, by, rng):
  """(rows, names) of a random share of the subjects or of the sequences."""
  if by == 'subject':
    names = sequences.subjects[rows]
  else:
    names = sequences.select(rows).paths
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
