"""From silhouette files or rendered walkers to a TFDS data set."""

import functools
import pathlib
import time
from collections.abc import Callable

from absl import logging

from selfgait_jax import errors
from selfgait_jax.data.prepare import (
  home,
  sources,
  staging,
  summaries,
  worker_pool,
)


def prepare(
  source: sources.Source,
  data_dir: str | pathlib.Path,
  workers: int = 2,
  overwrite: str = 'never',
  report: Callable[[str], None] = logging.info,
) -> dict:
  """Makes the data set of a source, or continues where a killed run stopped.

  A data set that is complete and comes from the same source stays as it is.

  Args:
    source: `trees.TreeSource` or `walker_source.WalkerSource`.
    data_dir: TFDS data directory; made if it is missing.
    workers: number of processes that read.
    overwrite: when to replace a complete data set: 'never', 'always', or
      'stale', that is if it comes from another source.
    report: called with lines of progress.

  Returns:
    The summary, as in summary.json.

  Raises:
    errors.UserError: the output is used for something else, or no sequence
      could be read.
  """
  data_dir = pathlib.Path(data_dir).expanduser().resolve()
  folder = data_dir / source.home
  home.check(folder, source.root)
  with home.lock(folder, report):
    summary = summaries.read(folder)
    same = summary is not None and summary['source'] == source.describe()
    if same and overwrite != 'always':
      return summary
    if summary and not same and overwrite == 'never':
      raise errors.UserError(
        f'expected to prepare {_words(source.describe())}, found in {folder}'
        f' data of {_words(summary["source"])}; add --overwrite or change'
        ' --output'
      )
    return _make(source, folder, data_dir, workers, report)


def _make(source, folder, data_dir, workers, report):
  start = time.monotonic()
  home.clear(folder, keep=(home.STAGING,))
  staged = folder / home.STAGING
  notes = staging.stage(source, source.subjects(), staged, workers, report)
  refused = source.strangers()
  refused += [entry for n in notes for entry in n['refused']]
  summaries.write_refused(data_dir, source.home, refused)
  num_sequences = len(summaries.lengths(notes))
  if not num_sequences:
    raise errors.UserError(
      f'expected sequences in {_words(source.describe())}, found none that can'
      f' be used ({_first(refused)}); see {data_dir / summaries.REFUSED}'
    )
  _build(source, data_dir, staged, num_sequences, report)
  seconds = time.monotonic() - start
  summary = summaries.make(source, notes, refused, seconds)
  summaries.write(folder, summary)
  for leftover in (staged, _downloads(staged)):
    home.remove(leftover)
  return summary


def _build(source, data_dir, staged, num_sequences, report):
  """Runs the TFDS builder over the staged records."""
  from selfgait_jax.data.prepare import builders  # imports TensorFlow

  builder = builders.make(source.facts.name, data_dir, source)
  builder.progress = functools.partial(
    worker_pool.track,
    total=num_sequences,
    unit='sequences written',
    report=report,
  )
  builders.tfds.disable_progress_bar()
  settings = builders.tfds.download.DownloadConfig(manual_dir=staged)
  try:
    builder.download_and_prepare(
      download_dir=_downloads(staged), download_config=settings
    )
  except builders.WRITE_ERRORS as error:
    raise errors.UserError(
      f'expected to write {builder.data_dir}, found {error}; make room if the'
      ' disk is full, and the same command continues'
    ) from error


def _downloads(staged):
  """A folder that TFDS insists on; nothing is downloaded."""
  return staged.parent / 'downloads'


def _words(description):
  return ', '.join(f'{key} {value}' for key, value in description.items())


def _first(refused):
  if not refused:
    return 'no folder'
  return f'the first: {": ".join(map(errors.printable, refused[0]))}'
