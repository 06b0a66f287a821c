"""A stage that learns from pseudo-identities and finds them anew as it goes.

The first pseudo-identities come from gait energy images. At each step of
`relabel_at` the network itself embeds the training sequences, and training
goes on with the pseudo-identities that it sees. The batches of a round depend
on the seed, the step and the labels of the round, which are on the disk, so a
resumed stage repeats what the stopped one would have done.
"""

import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Iterator

import numpy as np
from absl import logging

from selfgait_jax import errors
from selfgait_jax.data import input_pipeline, splits
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.discover import discovery
from selfgait_jax.machine import processes
from selfgait_jax.run import pseudo_labels
from selfgait_jax.train import relabelling
from selfgait_jax.train.task import Task


def batches(
  task: Task,
  stage_name: str,
  directory: pathlib.Path,
  sequences: SequenceSet,
  subset: splits.Subset,
  first: int,
  mesh,
  variables: Callable[[], dict],
) -> Iterator[dict[str, np.ndarray]]:
  """Labelled batches like `input_pipeline.batches`, round after round.

  Args:
    task: what the stage learns with.
    stage_name: of the stage.
    directory: of the stage; receives `labels/<step>.npz` for each round.
    sequences: N anonymous ones, from `splits.hide`, as is `subset`.
    subset: all of their rows.
    first: number of steps that are done.
    mesh: of all devices.
    variables: () -> those of the network after the newest step.

  Returns:
    An iterator over the batches that are left.

  Raises:
    errors.UserError: nothing can be found in such data; later, the first
      pseudo-identities are too few for a batch, or the labels of the round in
      which the stage resumes are missing.
  """
  discovery.check(sequences, task.setting, task.stage.batch_subjects)
  return _rounds(
    task, stage_name, directory, sequences, subset, first, mesh, variables
  )


def _rounds(
  task, stage_name, directory, sequences, subset, first, mesh, variables
):
  stage, finder = task.stage, relabelling.Finder(task, sequences, mesh)
  process = processes.index(), processes.count()
  labels = None
  starts = [0, *stage.relabel_at, stage.steps]
  for start, stop in itertools.pairwise(starts):
    file = pseudo_labels.path(directory, start)
    if first > start:  # the labels that the stage resumes with, or had before
      if first <= stop:
        labels = processes.from_first(lambda file=file: _read(file, sequences))
    else:
      find = lambda start=start: (
        finder.by_network(variables()) if start else finder.by_images()
      )
      labels = _relabel(find, labels, stage, stage_name, start, sequences, file)
    if first >= stop:
      continue
    named, chosen = _name(sequences, np.array(labels, np.int32))
    yield from input_pipeline.batches(
      named, chosen, task.config, stage_name, max(first, start), stop, process,
      held=subset,
    )  # fmt: skip


def _relabel(find, before, stage, stage_name, step, sequences, file):
  """The labels of a new round, as a list; those of the last one if it fails."""
  try:
    found = find()
    if found.classes < stage.batch_subjects:
      raise errors.UserError(
        f'expected at least {stage.batch_subjects} pseudo-identities, as many '
        f'as config.{stage_name}.batch_subjects, found {found.classes} among '
        f'{len(sequences)} sequences; lower batch_subjects or use more data'
      )
  except errors.UserError as error:
    if before is None:
      raise
    logging.warning(
      '%s step %d: goes on with the pseudo-identities of the last round: %s',
      stage_name, step, error,
    )  # fmt: skip
    found = discovery.Found(np.array(before, np.int32), np.nan, {})
  else:
    logging.info(
      '%s step %d: %d pseudo-identities of %d of %d sequences, threshold %g, '
      'agreement %.2f',
      stage_name, step, found.classes, (found.labels >= 0).sum(),
      len(sequences), found.threshold, found.agreement.get(found.threshold, 0),
    )  # fmt: skip
  if processes.is_first():
    pseudo_labels.write(file, _record(found, sequences))
  return found.labels.tolist()


def _record(found, sequences):
  return pseudo_labels.Round(
    pixels=sequences.pixels,
    views=sequences.views,
    labels=found.labels,
    threshold=found.threshold,
    agreement=np.array(sorted(found.agreement.items())).reshape(-1, 2),
  )


def _read(file, sequences):
  """The labels of the round in which a stage resumes, as a list."""
  found = pseudo_labels.read(file)
  if not found or not np.array_equal(found.pixels, sequences.pixels):
    what = 'those of other sequences' if found else 'no such file'
    raise errors.UserError(
      f'expected the labels of the {len(sequences)} training sequences in '
      f'{file}, found {what}; restore the file, or delete the folder of the '
      'stage to train it again'
    )
  return found.labels.tolist()


def _name(sequences, labels):
  """Sequences whose subjects are pseudo-identities, and those that have one."""
  rows = np.flatnonzero(labels >= 0)
  names = np.array([f'{label:08d}' for label in labels])
  named = dataclasses.replace(sequences, subjects=names)
  return named, splits.Subset(np.arange(0), rows, {})
