"""Loads prepared data into memory, from TFDS or from a packed file."""

import concurrent.futures
import functools
import operator
import os
import pathlib
from collections.abc import Callable, Iterable

import ml_collections
import numpy as np
from absl import logging

from selfgait_jax import errors
from selfgait_jax.data import (
  datasets,
  packed,
  partitions,
  sequences,
  splits,
  stored,
)
from selfgait_jax.data.prepare import preparation, summaries, walker_source
from selfgait_jax.machine import processes

DEFAULT_DATA_DIR = '~/tensorflow_datasets'


def loader(
  config: ml_collections.ConfigDict,
) -> Callable[[str], sequences.SequenceSet]:
  """Returns a function from 'train' or 'test' to its sequences.

  Data that both sides share is read once. With several processes, all must ask
  for the same sides in the same order.
  """

  @functools.cache
  def read(subjects):
    # Process 0 renders first. On a machine that does not share its folder,
    # `load` renders again, one process at a time.
    processes.from_first(lambda: render(config))
    found = load(config, subjects)
    if processes.count() > 1:  # the fingerprint is slow to compute
      processes.expect_same('data', found.fingerprint)
    return found

  return functools.cache(
    lambda side: splits.cut(read(splits.subjects(config, side)), config, side)
  )


def load(
  config: ml_collections.ConfigDict,
  subjects: Iterable[str] | None = None,
  report: Callable[[str], None] = logging.info,
) -> sequences.SequenceSet:
  """Decodes the data set of a config, sorted by subject, condition and view.

  Synthetic walkers are rendered first if they are missing. With
  `data.packed_file`, TensorFlow is not imported.

  Args:
    config: the whole config; `data_dir`, `data.name`, `data.packed_file` and
      `synthetic` are read.
    subjects: names of the wanted ones, whose frames are decoded; None for all.
    report: called with lines of progress.

  Raises:
    errors.UserError: the data is not prepared, has none of `subjects`, or lacks
      what the partition file names.
  """
  name = config.data.name
  if config.data.packed_file:
    records = packed.read(config.data.packed_file, name)
    decode = packed.decode
  else:
    records = _prepared(config, report)
    decode = stored.decode
  name_of = operator.attrgetter('subject', 'condition', 'view')
  wanted = None if subjects is None else set(subjects)
  found, kept = set(), []
  for record in records:
    found.add(name_of(record))
    if wanted is None or record.subject in wanted:
      kept.append(record)
  partitions.check(config, found)
  records = sorted(kept, key=name_of)
  if not records:
    raise errors.UserError(
      f'expected sequences of the wanted subjects, found none in {name};'
      ' prepare more of the data set or choose other subjects'
    )
  return _decode(records, name, decode)


def render(
  config: ml_collections.ConfigDict,
  report: Callable[[str], None] = logging.info,
) -> None:
  """Renders and prepares the synthetic walkers if the config uses them.

  Does nothing if they are up to date. Only one process at a time writes to a
  folder; others wait for it.
  """
  rendering = _rendering(config)
  if rendering and not config.data.packed_file:
    preparation.prepare(
      rendering,
      config.data_dir or DEFAULT_DATA_DIR,
      config.data.workers,
      overwrite='stale',
      report=report,
    )


def count_refused(config: ml_collections.ConfigDict) -> int | None:
  """Number of files that preparation left out; None for a packed file."""
  if config.data.packed_file:
    return None
  data_dir = config.data_dir or DEFAULT_DATA_DIR
  return len(summaries.read_refused(data_dir, config.data.name))


def read_records(
  name: str,
  data_dir: str | pathlib.Path,
  rendering: walker_source.WalkerSource | None = None,
) -> Iterable[stored.Record]:
  """Reads the records of a prepared data set, in no particular order.

  Args:
    name: of the data set.
    data_dir: TFDS data directory.
    rendering: the source of the data set if it is rendered.

  Raises:
    errors.UserError: the data set is not prepared.
  """
  from selfgait_jax.data.prepare import builders  # imports TensorFlow

  data_dir = pathlib.Path(data_dir).expanduser()
  builder = builders.make(name, data_dir, rendering)
  if not builder.is_prepared():
    option = {f.name: o for o, f in datasets.BY_OPTION.items()}[name]
    raise errors.UserError(
      f'expected {name} in {data_dir}, found none; run python'
      f' scripts/prepare_silhouettes.py --dataset={option} --input=TREE'
      f' --output={data_dir}'
    )
  return builders.read(builder)


def _prepared(config, report):
  """Records from TFDS, after rendering the walkers if the config uses them."""
  render(config, report)
  data_dir = config.data_dir or DEFAULT_DATA_DIR
  return read_records(config.data.name, data_dir, _rendering(config))


def _rendering(config):
  """The walkers of a config that uses them, else None."""
  if config.data.name != 'synthetic_gait':
    return None
  return walker_source.WalkerSource(
    config.synthetic.train_subjects + config.synthetic.test_subjects,
    config.synthetic.frames,
    config.synthetic.seed,
  )


def _decode(records, name, decode):
  """Decodes into one array, in threads: zlib releases Python's lock."""
  lengths = np.array([record.num_frames for record in records], np.int64)
  starts = np.cumsum(lengths) - lengths
  try:
    frames = np.empty((lengths.sum(), 64, 64), np.uint8)
  except MemoryError as error:
    raise errors.UserError(
      f'expected memory for the {lengths.sum()} frames of {name}, found too '
      'little; use a machine with more, or choose fewer subjects by '
      'config.data.exclude_subjects'
    ) from error

  def fill(row):
    start = starts[row]
    frames[start : start + lengths[row]] = decode(records[row])

  with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    for _ in pool.map(fill, range(len(records))):
      pass  # raises the error of a thread
  column = lambda field: np.array([getattr(r, field) for r in records])
  return sequences.SequenceSet(
    frames=frames,
    starts=starts,
    lengths=lengths,
    subjects=column('subject'),
    conditions=column('condition'),
    views=column('view'),
    name=name,
    pixels=column('fingerprint'),
  )
