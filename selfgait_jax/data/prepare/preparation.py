"""From silhouette files or rendered walkers to a TFDS data set.

DATA_DIR/<name>/ holds the records, `summary.json` (written last: with it the
data set is complete) and, while it is being made, `staging/`.
"""

import contextlib
import fcntl
import functools
import json
import pathlib
import shutil
import time

from absl import logging

from selfgait_jax import errors
from selfgait_jax.data.prepare import staging, worker_pool
from selfgait_jax.machine import files

REFUSED = 'refused.json'  # in DATA_DIR: files left out and why, by data set
SUMMARY = 'summary.json'
_LOCK = '.lock'
_MOST_NAMES = 1000  # of missing sequences in a summary


def prepare(
  source,
  data_dir: str | pathlib.Path,
  workers: int = 2,
  overwrite: str = 'never',
  report=logging.info,
) -> dict:
  """Makes the data set of a source, or goes on where a killed run stopped.

  A data set that is complete and comes from the same source is left as it is.

  Args:
    source: `trees.TreeSource` or `synthetic.WalkerSource`.
    data_dir: TFDS data directory; made if it is missing.
    workers: processes that read.
    overwrite: a complete data set is replaced 'never', 'always', or when it
      is 'stale', that is from another source.
    report: called with lines of progress.

  Returns:
    The summary, as in summary.json.

  Raises:
    errors.UserError: the output is in use for something else, or no sequence
      could be read.
  """
  data_dir = pathlib.Path(data_dir).expanduser().resolve()
  home = data_dir / source.home
  _check_output(home)
  home.mkdir(parents=True, exist_ok=True)
  with _lock(home, report):
    summary = read_summary(home)
    same = summary is not None and summary['source'] == source.describe()
    if same and overwrite != 'always':
      return summary
    if summary and not same and overwrite == 'never':
      raise errors.UserError(
        f'expected to prepare {_words(source.describe())}, found in {home} data'
        f' of {_words(summary["source"])}; add --overwrite or change --output'
      )
    return _make(source, home, data_dir, workers, report)


def read_summary(home: pathlib.Path) -> dict | None:
  """The summary of a complete data set, else None."""
  try:
    return json.loads((home / SUMMARY).read_text())
  except (OSError, ValueError):
    return None


def read_refused(data_dir: str | pathlib.Path, name: str) -> list[dict]:
  """What the preparation of a data set left out: [{'file', 'reason'}, ...]."""
  return _all_refused(pathlib.Path(data_dir).expanduser()).get(name, [])


def describe(summary: dict) -> list[str]:
  """The summary in lines for people."""
  lines = [
    '{:>12}{:>12}{:>14}'.format('', 'found', 'complete'),
    *(
      f'{what:>12}{summary[what]:>12,}{_count(summary["expected"][what]):>14}'
      for what in ('subjects', 'sequences')
    ),
    f'{"frames":>12}{summary["frames"]:>12,}',
  ]
  if summary['missing_count']:
    names = ', '.join(summary['missing'][:5])
    more = ', ...' if summary['missing_count'] > 5 else ''
    lines.append(f'{summary["missing_count"]:,} missing: {names}{more}')
  complete = all(n == summary[what] for what, n in summary['expected'].items())
  if summary['note'] and not complete:
    lines.append(f'known of this data set: {summary["note"]}')
  if summary['masks_left_out']:
    lines.append(
      f'{summary["masks_left_out"]:,} masks left out: too small to be a person'
    )
  return lines


def _make(source, home, data_dir, workers, report):
  start = time.monotonic()
  _forget(home, keep=('staging',))
  folder = home / 'staging'
  subjects = source.subjects()
  notes = staging.stage(source, subjects, folder, workers, report)
  refused = [entry for n in notes for entry in n['refused']]
  _write_refused(data_dir, source.home, refused)
  found = {
    (n['subject'], *key.split('/')): length
    for n in notes
    for key, length in n['frames'].items()
  }
  if not found:
    raise errors.UserError(
      f'expected sequences in {_words(source.describe())}, found none that can'
      f' be used ({_first(refused)}); see {data_dir / REFUSED}'
    )
  _build(source, data_dir, folder, len(found), report)
  facts, missing = source.facts, []
  if facts.is_grid:
    missing = ['/'.join(key) for key in facts.sequences() if key not in found]
  summary = {
    'name': facts.name,
    'source': source.describe(),
    'subjects': len({subject for subject, _, _ in found}),
    'sequences': len(found),
    'frames': sum(found.values()),
    'expected': {
      'subjects': facts.num_subjects,
      'sequences': facts.num_sequences,
    },
    'missing_count': len(missing),
    'missing': missing[:_MOST_NAMES],
    'note': facts.note,
    'masks_left_out': sum(n['dropped'] for n in notes),
    'refused_count': len(refused),
    'seconds': round(time.monotonic() - start, 1),
  }
  files.write_json(home / SUMMARY, summary)
  for leftover in (folder, home / 'downloads'):
    shutil.rmtree(leftover)
  return summary


def _build(source, data_dir, folder, num_sequences, report):
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
  settings = builders.tfds.download.DownloadConfig(manual_dir=folder)
  downloads = folder.parent / 'downloads'  # made by TFDS, stays empty
  try:
    builder.download_and_prepare(
      download_dir=downloads, download_config=settings
    )
  except builders.WRITE_ERRORS as error:
    raise errors.UserError(
      f'expected to write {builder.data_dir}, found {error}; make room,'
      ' and the same command goes on'
    ) from error


def _check_output(home):
  """Refuses a place that holds something else than a data set of ours."""
  for place in (home, *home.parents):
    if place.exists() and not place.is_dir():
      raise errors.UserError(
        f'expected a folder at {place}, found a file; change --output'
      )
  entries = {path.name for path in home.iterdir()} if home.is_dir() else set()
  if entries and not entries & {SUMMARY, 'staging', _LOCK}:
    raise errors.UserError(
      f'expected a new or prepared data set at {home}, found'
      f' {sorted(entries)[0]!r}; change --output'
    )


@contextlib.contextmanager
def _lock(home, report):
  """Lets one process at a time prepare; the system frees it at any end."""
  with open(home / _LOCK, 'w') as file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      report(f'waiting for another process that prepares {home}')
      fcntl.flock(file, fcntl.LOCK_EX)
    yield


def _forget(home, keep):
  """Removes an earlier data set, complete or half written."""
  (home / SUMMARY).unlink(missing_ok=True)  # first: it vouches for the rest
  for path in home.iterdir():
    if path.is_dir() and path.name not in keep:
      shutil.rmtree(path)


def _write_refused(data_dir, name, refused):
  everything = _all_refused(data_dir)
  everything[name] = [{'file': f, 'reason': reason} for f, reason in refused]
  files.write_json(data_dir / REFUSED, everything)


def _all_refused(data_dir):
  try:
    return json.loads((data_dir / REFUSED).read_text())
  except (OSError, ValueError):
    return {}


def _count(number):
  """'13,640', or '-' for what is not known."""
  return '-' if number is None else f'{number:,}'


def _words(description):
  return ', '.join(f'{key} {value}' for key, value in description.items())


def _first(refused):
  return f'the first: {": ".join(refused[0])}' if refused else 'no folder'
