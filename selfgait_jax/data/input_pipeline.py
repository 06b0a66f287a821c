"""Batches of uint8 clips to learn from: batch t is a function of (seed, t)."""

import dataclasses
from collections.abc import Callable, Iterator

import ml_collections
import numpy as np

from selfgait_jax import errors
from selfgait_jax.data import (
  draws,
  frame_sampler,
  prefetching,
  resident,
  sampler,
)
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.data.splits import Subset

Batch = dict[str, np.ndarray]
_LOADERS = {
  'tfdata': prefetching.tfdata_batches,
  'array': prefetching.thread_batches,
  'device': prefetching.thread_batches,
}


def batches(
  sequences: SequenceSet,
  subset: Subset,
  config: ml_collections.ConfigDict,
  stage_name: str,
  first_step: int,
  last_step: int,
  process_slice: tuple[int, int] = (0, 1),
  held: Subset | None = None,
) -> Iterator[Batch]:
  """Yields the batches of steps first_step to last_step - 1, loaded ahead.

  `data.loader` chooses tf.data or NumPy threads. With `device` the clips are
  frame numbers, from which `resident.take` makes pixels on the device. A batch
  is a function of the seed, the stage's name and the step: the loader and the
  number of workers don't change it. Arguments and errors are those of
  `batch_function`; `held` are the rows whose frames the devices hold, if these
  are more than `subset`.
  """
  if config.data.loader == 'device':
    starts = resident.store_starts(sequences, held or subset)
    sequences = dataclasses.replace(sequences, starts=starts)
    function = number_function
  else:
    function = batch_function
  make = function(sequences, subset, config, stage_name, process_slice)
  load = _LOADERS[config.data.loader]
  steps = range(first_step, last_step)
  return load(make, steps, config.data.workers, config.data.prefetch)


def batch_function(
  sequences: SequenceSet,
  subset: Subset,
  config: ml_collections.ConfigDict,
  stage_name: str,
  process_slice: tuple[int, int] = (0, 1),
) -> Callable[[int], Batch]:
  """Returns a pure function from the step to its batch of B = P * K clips.

  Args:
    sequences: the training side; each call reads its frames.
    subset: the rows for this stage, from `splits.training_rows`.
    config: the whole config; `config[stage_name]` is the stage.
    stage_name: seeds the batches together with `config.seed`.
    process_slice: (index, count) of this process, which makes its share of B.

  Returns:
    A function. Label-free batches have 'clip_1' and, unless `pairs` is
    same_clip, 'clip_2': uint8 [B, T, H, W]. With negatives=same_camera they
    have 'camera_1' and 'camera_2', int32 [B]: the cameras of the clips, in the
    order of the names of the views. Labelled batches have 'clip', the
    same, and 'label', int32 [B]. In a `joint` stage the steps that
    `joint_every` divides are labelled. Clips of unequal length are padded with
    zeros, and 'mask', bool [B, T], is True for real frames; T is one of
    `frame_sampler.clip_lengths`, the same in every process.

  Raises:
    errors.UserError: the processes do not divide B, `synchronised_views` finds
      no walk seen by two cameras, or no sequence is longer than an interval.
  """
  number = number_function(sequences, subset, config, stage_name, process_slice)

  def make(step):
    batch = number(step)
    for name in batch.keys() & set(resident.CLIPS):
      numbers = batch[name]
      batch[name] = sequences.frames[numbers]
      batch[name][numbers < 0] = 0
    return batch

  return make


def number_function(
  sequences: SequenceSet,
  subset: Subset,
  config: ml_collections.ConfigDict,
  stage_name: str,
  process_slice: tuple[int, int] = (0, 1),
) -> Callable[[int], Batch]:
  """Like `batch_function`, with frame numbers for pixels; reads no frame.

  A clip is int32 [B, T]: indices into the frames, as `sequences.starts` counts
  them, and -1 for padding.
  """
  stage = config[stage_name]
  mine = _process_share(stage, stage_name, *process_slice)
  unlabelled = labelled = None
  if len(subset.unlabelled):
    unlabelled = sampler.make_index(sequences.select(subset.unlabelled))
    _check_pairs(unlabelled, stage, stage_name)
  if len(subset.labelled):
    labelled = sampler.make_index(sequences.select(subset.labelled))
  draw = _clip_drawer(sequences, subset, config, stage_name)

  def labelled_batch(rng):
    rows, labels = sampler.labelled_rows(labelled, stage, rng)
    clip, mask = draw(subset.labelled[rows], rng)
    batch = {'clip': clip, 'label': labels}
    return batch if mask is None else batch | {'mask': mask}

  def label_free_batch(rng):
    first, second = sampler.label_free_rows(
      unlabelled, stage, rng, config.reference.pretrain_sampler
    )
    batch = {'clip_1': draw(subset.unlabelled[first], rng)[0]}
    if stage.pairs != 'same_clip':
      batch['clip_2'] = draw(subset.unlabelled[second], rng)[0]
    if stage.negatives == 'same_camera':
      for name, rows in (('camera_1', first), ('camera_2', second)):
        batch[name] = unlabelled.views[rows].astype(np.int32)
    return batch

  def make(step):
    rng = draws.generator(config.seed, stage_name, step)
    if stage.objective in ('supervised', 'clusters') or (
      stage.objective == 'joint' and step % stage.joint_every == 0
    ):
      batch = labelled_batch(rng)
    else:
      batch = label_free_batch(rng)
    # Every process draws the global batch, so that all agree on it.
    return {name: array[mine] for name, array in batch.items()}

  return make


def _clip_drawer(sequences, subset, config, stage_name):
  """(rows, rng) -> frame numbers, int32 [B, T], and their mask if padded."""
  stage = config[stage_name]
  used = np.concatenate([subset.unlabelled, subset.labelled])
  longest = sequences.lengths[used].max()
  _check_interval(longest, stage, stage_name)
  sizes = frame_sampler.clip_lengths(stage, longest)
  positions = None
  if config.reference.window:
    positions = frame_sampler.fixed_positions(len(sequences), config.seed)

  def draw(rows, rng):
    lengths, mask = sequences.lengths[rows], None
    if positions is None:
      offsets, mask = frame_sampler.clip_frames(lengths, stage, rng, sizes)
    else:
      offsets = frame_sampler.window(lengths, stage.frames, positions[rows])
    numbers = (sequences.starts[rows, None] + offsets).astype(np.int32)
    if mask is not None:
      numbers[~mask] = -1
    return numbers, mask

  return draw


def _process_share(stage, stage_name, index, count):
  """The slice of the global batch that this process makes."""
  batch = stage.batch_subjects * stage.batch_sequences
  if batch % count:
    raise errors.UserError(
      f'expected a batch divisible by the {count} hosts, found {batch}; change '
      f'config.{stage_name}.batch_subjects or batch_sequences'
    )
  return slice(batch * index // count, batch * (index + 1) // count)


def _check_pairs(index, stage, stage_name):
  if stage.pairs == 'synchronised_views' and not len(index.shared_walks):
    raise errors.UserError(
      'expected walks seen by two cameras or more, found none; change '
      f'config.{stage_name}.pairs or the unlabelled share'
    )


def _check_interval(longest, stage, stage_name):
  if 1 < stage.interval_max >= longest:
    raise errors.UserError(
      f'expected a sequence longer than config.{stage_name}.interval_max='
      f'{stage.interval_max}, found at most {longest} frames; change '
      f'config.{stage_name}.interval_max'
    )
