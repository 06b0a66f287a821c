"""Prepared data into memory: from TFDS or from a packed file."""

import concurrent.futures
import functools
import operator
import os
import pathlib
from collections.abc import Callable

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


def loader(config) -> Callable:
  """'train' or 'test' -> SequenceSet; what both sides share is read once.

  All processes must ask for the same sides in the same order.
  """

  @functools.cache
  def read(subjects):
    # Rendered once; without shared folders then once a machine, under a lock.
    processes.from_first(lambda: render(config))
    found = load(config, subjects)
    if processes.count() > 1:  # the fingerprint takes its time
      processes.expect_same('data', found.fingerprint)
    return found

  return functools.cache(
    lambda side: splits.cut(read(splits.subjects(config, side)), config, side)
  )


def load(config, subjects=None, report=logging.info) -> sequences.SequenceSet:
  """Decodes the data set of a config, sorted by subject, condition and view.

  The synthetic walkers are rendered and prepared first if need be. With
  `data.packed_file` TensorFlow is not imported.

  Args:
    config: the whole config; `data_dir`, `data.name`, `data.packed_file` and
      `synthetic` are read.
    subjects: names of the ones wanted, None for all. Only their frames are
      decoded.
    report: called with lines of progress.

  Raises:
    errors.UserError: the data is not prepared, holds none of `subjects`, or
      lacks what the partition file names.
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


def render(config, report=logging.info) -> None:
  """Renders and prepares the synthetic walkers where a config wants them.

  Does nothing if that has been done; one process at a time in a folder.
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


def count_refused(config) -> int | None:
  """Files that the preparation left out; None if a packed file does not say."""
  if config.data.packed_file:
    return None
  data_dir = config.data_dir or DEFAULT_DATA_DIR
  return len(summaries.read_refused(data_dir, config.data.name))


def read_records(name: str, data_dir, rendering=None):
  """Yields `staging.Record`s of a prepared data set, in no given order.

  Args:
    name: of the data set.
    data_dir: TFDS data directory.
    rendering: the `synthetic.WalkerSource` if the data set is rendered.

  Raises:
    errors.UserError: it is not prepared.
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
  """Records from TFDS, rendered now if the walkers are wanted."""
  render(config, report)
  data_dir = config.data_dir or DEFAULT_DATA_DIR
  return read_records(config.data.name, data_dir, _rendering(config))


def _rendering(config):
  """The walkers of a config that wants them, else None."""
  if config.data.name != 'synthetic_gait':
    return None
  return walker_source.WalkerSource(
    config.synthetic.train_subjects + config.synthetic.test_subjects,
    config.synthetic.frames,
    config.synthetic.seed,
  )


def _decode(records, name, decode):
  """Fills one array, several records at a time: zlib leaves Python's lock."""
  lengths = np.array([record.num_frames for record in records], np.int64)
  starts = np.cumsum(lengths) - lengths
  frames = np.empty((lengths.sum(), 64, 64), np.uint8)

  def fill(row):
    start = starts[row]
    frames[start : start + lengths[row]] = decode(records[row])

  with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    for _ in pool.map(fill, range(len(records))):
      pass  # raises what a thread raised
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
