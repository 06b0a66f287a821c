"""Adds pseudo-identities to labels: a labelled stage learns from all sequences.

The sequences whose labels the stage may use keep their subjects. The others
come in with the pseudo-identities that an earlier stage found last.
"""

import collections
import dataclasses
import pathlib

import numpy as np

from selfgait_jax import errors
from selfgait_jax.data import splits
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.machine import processes
from selfgait_jax.run import pseudo_labels


def mix(
  sequences: SequenceSet,
  subset: splits.Subset,
  source: str,
  config,
  stage_name: str,
) -> tuple[SequenceSet, splits.Subset]:
  """Names every sequence by its label or, without one, its pseudo-identity.

  A pseudo-identity with labelled sequences takes the name that most of them
  have. The labels of the other sequences are not read.

  Args:
    sequences: N of the training side, as `splits.cut` returns it.
    subset: from `splits.training_rows`, with labelled rows.
    source: folder of the stage that found the pseudo-identities.
    config: the whole config.
    stage_name: of the stage that learns.

  Returns:
    The sequences, with these names as subjects, and the rows that have one.

  Raises:
    errors.UserError: `source` holds no pseudo-identities, none of these
      sequences, or fewer names than a batch takes.
  """
  groups = np.array(
    processes.from_first(lambda: _last_round(source, sequences, stage_name))
  )
  groups[splits.held_out_rows(sequences, config)] = -1
  names = np.array([f'pseudo-{group:08d}' for group in groups], object)
  labelled = subset.labelled
  names[labelled] = sequences.subjects[labelled]
  for group, name in _named_groups(groups[labelled], names[labelled]).items():
    others = groups == group
    others[labelled] = False
    names[others] = name
  has_name = groups >= 0
  has_name[labelled] = True
  rows = np.flatnonzero(has_name)
  _check_enough(names[rows], config, stage_name)
  added = sequences.select(np.setdiff1d(rows, labelled))
  listed = {'by': 'sequence', 'chosen': sorted(added.paths.tolist())}
  return (
    dataclasses.replace(sequences, subjects=names.astype(str)),
    splits.Subset(
      subset.unlabelled, rows, subset.names | {'pseudo_identities': listed}
    ),
  )


def _last_round(source, sequences, stage_name):
  """The pseudo-identity of each sequence, -1 for none, as a list."""
  rounds = pseudo_labels.read_all(pathlib.Path(source)) if source else {}
  if not rounds:
    raise errors.UserError(
      f'expected pseudo-identities for {stage_name} in '
      f'{pathlib.Path(source) / "labels" if source else "an earlier stage"}, '
      f'found none; set config.{stage_name}.init=discover, or config.init_from '
      'to the folder of such a stage'
    )
  last = rounds[max(rounds)]
  found = dict(zip(last.pixels, last.labels.tolist(), strict=True))
  groups = [found.get(pixels, -1) for pixels in sequences.hashes]
  if max(groups) < 0:
    raise errors.UserError(
      f'expected pseudo-identities of the training sequences in {source}, '
      'found those of others; use the data that it was trained on'
    )
  return groups


def _named_groups(groups, names):
  """{pseudo-identity: the name that most of its labelled sequences have}."""
  votes = collections.defaultdict(collections.Counter)
  for group, name in zip(groups.tolist(), names, strict=True):
    if group >= 0:
      votes[group][name] += 1
  return {group: count.most_common(1)[0][0] for group, count in votes.items()}


def _check_enough(names, config, stage_name):
  found, wanted = len(set(names)), config[stage_name].batch_subjects
  if found < wanted:
    raise errors.UserError(
      f'expected at least {wanted} subjects and pseudo-identities, as many as '
      f'config.{stage_name}.batch_subjects, found {found}; lower it'
    )
