"""The work folder: one run at a time, and a record of what ran in it."""

import contextlib
import errno
import fcntl
import json
import logging as python_logging
import pathlib
import time

import jax
from absl import logging

from selfgait_jax import errors, metrics, runs

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def claim(workdir: pathlib.Path):
  """Makes the folder and keeps a second run out of it until the block ends."""
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    lock = open(workdir / '.lock', 'w')  # freed by the system after a kill
  except OSError as error:
    raise errors.UserError(
      f'expected a work folder that can be written, found {error}; '
      'change --workdir'
    ) from error
  with lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
      raise errors.UserError(
        f'expected no other run in {workdir}, found one; wait for it or '
        'change --workdir'
      ) from error
    try:
      yield
    except OSError as error:
      if error.errno not in _NO_ROOM:
        raise
      raise errors.UserError(
        f'expected room on the disk, found {error}; free space or change '
        '--workdir and run the same command again'
      ) from error


def record(config, workdir: pathlib.Path) -> None:
  """Writes `config.json` and logs what this job is."""
  facts = {
    'config': json.loads(config.to_json_best_effort()),
    'config_hash': runs.config_hash(config),
    'versions': runs.versions(),
  }
  path = workdir / 'config.json'
  try:
    before = json.loads(path.read_text())
  except (OSError, ValueError):  # none yet, or cut short by an old kill
    before = facts
  if before['config_hash'] != facts['config_hash']:
    logging.warning(
      '%s was last used with another config (%s, now %s); what was trained '
      'under it is kept as it is, and results.json says which',
      workdir, before['config_hash'], facts['config_hash'],
    )  # fmt: skip
  runs.write_json(path, facts)
  logging.info(
    'stages %s in %s on %d x %s, %d process(es), config %s, seed %d',
    config.stages, workdir, jax.device_count(), jax.devices()[0].device_kind,
    jax.process_count(), facts['config_hash'], config.seed,
  )  # fmt: skip


def quiet(record: python_logging.LogRecord) -> bool:
  """False for the chatter of libraries, which buries the progress lines.

  Orbax logs, in several threads, what it raises besides.
  """
  return not any(name in record.pathname for name in ('orbax', 'asyncio'))


class ElapsedFormatter(python_logging.Formatter):
  """'0:01:30 text': time since the start, warnings marked."""

  def __init__(self):
    super().__init__()
    self._start = time.time()

  def format(self, record):
    text = f'{metrics.clock(record.created - self._start)} '
    if record.levelno > python_logging.INFO:
      text += f'{record.levelname}: '
    return text + record.getMessage()
