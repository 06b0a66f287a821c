"""Batches of uint8 clips to learn from, and of whole sequences to embed."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from selfgait_jax import errors
from selfgait_jax.data import draws, prefetching, resident, sampler
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.data.splits import Subset

# Shapes that the embedding is compiled for: few, since each takes seconds.
MAX_BUCKETS = 6


def batches(
  sequences: SequenceSet,
  subset: Subset,
  config,
  stage_name: str,
  first_step: int,
  last_step: int,
  process_slice: tuple[int, int] = (0, 1),
) -> Iterator[dict[str, np.ndarray]]:
  """The batches of steps first_step, ..., last_step - 1, made ahead.

  `data.loader` chooses who makes them, tf.data or NumPy threads; for `device`
  they are numbers of frames, which `resident.take` makes clips of. Batch t is
  a function of the seed, the stage's name and t, whoever makes it, on however
  many workers. Args and errors are `batch_function`'s.
  """
  loaders = {
    'tfdata': prefetching.tfdata_batches,
    'array': prefetching.thread_batches,
    'device': prefetching.thread_batches,
  }
  if config.data.loader not in loaders:
    raise errors.UserError(
      f'expected config.data.loader to be one of {", ".join(loaders)}, found '
      f'{config.data.loader!r}; change config.data.loader'
    )
  make_function = batch_function
  if config.data.loader == 'device':
    make_function = number_function
    starts = resident.store_starts(sequences, subset)
    sequences = dataclasses.replace(sequences, starts=starts)
  make = make_function(sequences, subset, config, stage_name, process_slice)
  load = loaders[config.data.loader]
  steps = range(first_step, last_step)
  return load(make, steps, config.data.workers, config.data.prefetch)


def batch_function(
  sequences: SequenceSet,
  subset: Subset,
  config,
  stage_name: str,
  process_slice: tuple[int, int] = (0, 1),
) -> Callable[[int], dict[str, np.ndarray]]:
  """step -> batch of B = P * K clips of T frames, a pure function.

  Args:
    sequences: the training side; frames are read from it at each call.
    subset: rows of it for the stage, from `splits.training_rows`.
    config: the whole config; `config[stage_name]` is the stage.
    stage_name: also part of the seed.
    process_slice: (index, count) of this host, which makes its part of B.

  Returns:
    A function. A label-free batch is 'clip_1' and, but for `same_clip`,
    'clip_2', uint8 [B, T, H, W]; a labelled one is 'clip', the same, and
    'label', int32 [B]. A `joint` stage has a labelled batch at every step that
    `joint_every` divides. Clips of unequal length end in zeros, and 'mask',
    bool [B, T], is True before them; T is one of `sampler.clip_lengths`, the
    same on every host.

  Raises:
    errors.UserError: B is not divisible by the hosts, `synchronised_views` have
      no walk seen by two cameras, or no sequence is as long as an interval.
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
  config,
  stage_name: str,
  process_slice: tuple[int, int] = (0, 1),
) -> Callable[[int], dict[str, np.ndarray]]:
  """step -> which frames are the batch, a pure function that reads no frame.

  As `batch_function`, but a clip is int32 [B, T], numbers of frames counted by
  `sequences.starts`, and -1 for a frame of zeros.
  """
  stage = config[stage_name]
  mine = _host_slice(stage, stage_name, *process_slice)
  unlabelled = labelled = None
  if len(subset.unlabelled):
    unlabelled = sampler.make_index(sequences.select(subset.unlabelled))
    _check_pairs(unlabelled, stage, stage_name)
  if len(subset.labelled):
    labelled = sampler.make_index(sequences.select(subset.labelled))
  used = np.concatenate([subset.unlabelled, subset.labelled])
  longest = sequences.lengths[used].max()
  _check_interval(longest, stage, stage_name)
  sizes = sampler.clip_lengths(stage, longest)
  fixed = None
  if config.reference.window:
    fixed = sampler.fixed_positions(len(sequences), config.seed)

  def clips(rows, rng):
    """This host's part: numbers, int32 [B, T], and their mask, if any."""
    lengths, mask = sequences.lengths[rows], None
    if fixed is not None:
      offsets = sampler.window(lengths, stage.frames, fixed[rows])
    else:
      offsets, mask = sampler.clip_frames(lengths, stage, rng, sizes)
    numbers = (sequences.starts[rows, None] + offsets)[mine].astype(np.int32)
    if mask is not None:
      mask = mask[mine]
      numbers[~mask] = -1
    return numbers, mask

  def make(step):
    rng = draws.generator(config.seed, stage_name, step)
    if stage.objective == 'supervised' or (
      stage.objective == 'joint' and step % stage.joint_every == 0
    ):
      rows, labels = sampler.labelled_rows(labelled, stage, rng)
      clip, mask = clips(subset.labelled[rows], rng)
      batch = {'clip': clip, 'label': labels[mine]}
      return batch if mask is None else batch | {'mask': mask}
    first, second = sampler.label_free_rows(
      unlabelled, stage, rng, config.reference.pretrain_sampler
    )
    batch = {'clip_1': clips(subset.unlabelled[first], rng)[0]}
    if stage.pairs != 'same_clip':
      batch['clip_2'] = clips(subset.unlabelled[second], rng)[0]
    return batch

  return make


def evaluation_batches(
  sequences: SequenceSet,
  rows: np.ndarray,
  *,
  max_frames: int,
  batch_frames: int,
  divisor: int = 1,
  process_slice: tuple[int, int] = (0, 1),
) -> Iterator[dict[str, np.ndarray]]:
  """Each sequence once, padded into a few lengths; a length has one shape.

  Args:
    sequences: all of them.
    rows: the ones wanted, int [N].
    max_frames: of a sequence, from its start.
    batch_frames: about so many padded frames a batch, never less than
      `divisor` sequences.
    divisor: the number of sequences in a batch is a multiple of it.
    process_slice: (index, count) of this host; `count` divides `divisor`.

  Yields:
    'frames', uint8 [b, T, H, W]; 'mask', bool [b, T], True for real frames, of
    this host's b = B / count sequences; 'rows', int64 [B], of all of them, -1
    for a padding sequence, which has no real frame.
  """
  rows = np.asarray(rows, np.int64)
  lengths = np.minimum(sequences.lengths[rows], max_frames)
  buckets = bucket_lengths(lengths)
  bucket_of = np.searchsorted(buckets, lengths)
  for number, bucket in enumerate(buckets):
    members = rows[bucket_of == number]
    # As many batches as needed, all about equally full.
    largest = max(divisor, batch_frames // bucket // divisor * divisor)
    count = -(-len(members) // largest)
    size = -(-len(members) // (count * divisor)) * divisor
    for place in range(0, len(members), size):
      batch = np.full(size, -1)
      found = members[place : place + size]
      batch[: len(found)] = found
      mine = np.split(batch, process_slice[1])[process_slice[0]]
      yield _padded(sequences, mine, bucket) | {'rows': batch}


def bucket_lengths(lengths: np.ndarray) -> np.ndarray:
  """The padded lengths, at most `MAX_BUCKETS`, that pad least in all."""
  sizes, counts = np.unique(lengths, return_counts=True)
  if not len(sizes):
    return sizes
  below = np.concatenate([[0], np.cumsum(counts)])
  sizes = np.concatenate([[0], sizes])
  # [i, j]: frames if lengths number i + 1 to j are padded to the last of them.
  cost = (below[None, :] - below[:, None]) * sizes.astype(float)
  cost[np.tril_indices(len(sizes), -1)] = np.inf
  # Best [j]: frames of the first j lengths with so many buckets, or fewer.
  best, choices = cost[0], []
  for _ in range(MAX_BUCKETS - 1):
    totals = best[:, None] + cost
    best = totals.min(axis=0)
    choices.append(totals.argmin(axis=0))
  ends = [len(sizes) - 1]
  for choice in reversed(choices):
    ends.append(choice[ends[-1]])
  return sizes[np.setdiff1d(ends, 0)]


def _host_slice(stage, stage_name, index, count):
  batch = stage.batch_subjects * stage.batch_sequences
  if batch % count:
    raise errors.UserError(
      f'expected a batch divisible by the {count} hosts, found {batch}; change '
      f'config.{stage_name}.batch_subjects or batch_sequences'
    )
  return slice(batch * index // count, batch * (index + 1) // count)


def _check_interval(longest, stage, stage_name):
  if 1 < stage.interval_max >= longest:
    raise errors.UserError(
      f'expected a sequence longer than config.{stage_name}.interval_max='
      f'{stage.interval_max}, found at most {longest} frames; change '
      f'config.{stage_name}.interval_max'
    )


def _check_pairs(index, stage, stage_name):
  if stage.pairs == 'synchronised_views' and not len(index.shared_walks):
    raise errors.UserError(
      'expected walks seen by two cameras or more, found none; change '
      f'config.{stage_name}.pairs or the unlabelled share'
    )


def _padded(sequences, rows, length):
  frames = np.zeros((len(rows), length, *sequences.frames.shape[1:]), np.uint8)
  mask = np.zeros((len(rows), length), bool)
  for place, row in enumerate(rows):
    if row >= 0:
      clip = sequences[row][:length]
      frames[place, : len(clip)] = clip
      mask[place, : len(clip)] = True
  return {'frames': frames, 'mask': mask}
