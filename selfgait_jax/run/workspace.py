"""The work folder: one run at a time, and a record of what ran in it."""

import contextlib
import errno
import json
import os
import pathlib
import re
import shutil
import time
import uuid

import jax
from absl import logging

from selfgait_jax import errors
from selfgait_jax.machine import files, locks, processes
from selfgait_jax.run import identity

SEEN_SECONDS = 60  # a network file system may take this long to show a file
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def claim(workdir: pathlib.Path):
  """Makes the folder and keeps a second run out of it until the block ends.

  Process 0 does both; the others check that they see the same folder. A disk
  that is full, now or within the block, raises UserError.
  """
  with contextlib.ExitStack() as held:
    mark = processes.from_first(lambda: _lock(workdir, held))
    if not processes.is_first():
      _expect_shared(workdir, mark)
    with _room_explained():
      yield


@contextlib.contextmanager
def _room_explained():
  try:
    yield
  except OSError as error:
    if error.errno not in _NO_ROOM:
      raise
    raise errors.UserError(
      f'expected room on the disk, found {error}; free space or change '
      '--workdir and run the same command again'
    ) from error


def _lock(workdir, held):
  """Locks the folder until `held` closes; returns the mark it left there."""
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    # Freed by the system after a kill.
    lock = held.enter_context(open(workdir / '.lock', 'a'))
  except OSError as error:
    raise errors.UserError(
      f'expected a work folder that can be written, found {error}; '
      'change --workdir'
    ) from error
  try:
    locks.take(lock)
  except OSError as error:
    raise errors.UserError(
      f'expected no other run in {workdir}, found one; wait for it or '
      'change --workdir'
    ) from error
  mark = uuid.uuid4().hex
  with _room_explained():
    lock.truncate(0)
    lock.write(mark)
    lock.flush()
    os.fsync(lock.fileno())  # so that NFS shows it to other machines at once
  return mark


def _expect_shared(workdir, mark):
  """Raises UserError unless this process sees what process 0 wrote.

  All processes write parts of one checkpoint, so all need the folder.
  """
  deadline = time.monotonic() + SEEN_SECONDS
  while True:
    with contextlib.suppress(OSError):
      if (workdir / '.lock').read_text() == mark:
        return
    if time.monotonic() > deadline:
      raise errors.UserError(
        f'expected {workdir} to be one folder for all processes, found that '
        f'process {processes.index()} does not see what process 0 wrote '
        'there; give a --workdir that all machines share'
      )
    time.sleep(0.5)


def record(config, workdir: pathlib.Path) -> None:
  """Writes `config.json` and logs what this job is, both on process 0.

  The config of an earlier run with other settings is kept as
  `config-<hash>.json`: the history in the checkpoints names the hash.

  Raises UserError if the processes were started with different configs.
  """
  processes.expect_same('config', identity.shared_settings(config))
  if not processes.is_first():
    return
  facts = {
    'config': json.loads(config.to_json_best_effort()),
    'config_hash': identity.config_hash(config),
    'versions': identity.versions(),
  }
  path = workdir / 'config.json'
  before = _recorded_hash(path)
  if before not in (None, facts['config_hash']):
    logging.warning(
      '%s was last used with another config (%s, now %s); what was trained '
      'under it is kept, and results.json says which steps',
      workdir, before, facts['config_hash'],
    )  # fmt: skip
    with files.whole(workdir / f'config-{before}.json') as partial:
      shutil.copyfile(path, partial)
  files.write_json(path, facts)
  logging.info(
    'stages %s in %s on %d x %s, %d process(es), config %s, seed %d',
    config.stages, workdir, jax.device_count(), jax.devices()[0].device_kind,
    processes.count(), facts['config_hash'], config.seed,
  )  # fmt: skip


def _recorded_hash(path):
  """The config hash in a `config.json`; None if there is none, or damaged."""
  try:
    found = files.parse_json(path.read_bytes())['config_hash']
    return found if re.fullmatch('[0-9a-f]{12}', found) else None
  except (OSError, ValueError, TypeError, KeyError):
    return None
