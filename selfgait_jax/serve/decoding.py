"""Dropped files to clips, by a process of their own (see `child`)."""

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from selfgait_jax import errors
from selfgait_jax.clips.clip import Clip
from selfgait_jax.data.prepare import silhouettes
from selfgait_jax.machine import files
from selfgait_jax.serve import child, jobs, uploads

SECONDS = 150  # of the clock; `child` has a limit of the processor's time
_PROGRAM = 'from selfgait_jax.serve import child; child.main()'
_LONGEST_LINE = 2**20  # bytes
_LONGEST_SOURCE = 400  # characters


def decode(upload: uploads.Upload, job: jobs.Job) -> Iterator[Clip]:
  """Yields the clips of an upload, with the names that they came with.

  Args:
    upload: from `uploads.receive`.
    job: that can be cancelled meanwhile.

  Raises:
    UserError: there are too many frames, or the process was ended.
    Cancelled: the job was.
  """
  late = threading.Event()
  process = _start()
  job.on_cancel(process.kill)

  def end():
    late.set()
    process.kill()

  timer = threading.Timer(SECONDS, end)
  timer.start()
  try:
    _ask(process, upload.items)
    yield from read_answer(process.stdout, upload.items)
  except (EOFError, BrokenPipeError) as error:
    job.check()
    if late.is_set():
      raise errors.UserError(
        f'expected files that are read within {SECONDS} s, found that these '
        'take longer; drop fewer or smaller ones'
      ) from error
    raise errors.UserError(
      'expected files that are read within '
      f'{child.MEMORY / 2**30:.0f} GiB of memory and {child.SECONDS} s of '
      'the processor, found that reading these was ended; drop fewer or '
      'smaller ones'
    ) from error
  finally:
    timer.cancel()
    job.on_cancel(None)
    process.kill()
    for stream in (process.stdin, process.stdout):
      with contextlib.suppress(BrokenPipeError):  # it ended before it read
        stream.close()
    process.wait()


def _start():
  environment = os.environ | {
    'PYTHONPATH': os.pathsep.join(path for path in sys.path if path),
    # Every thread of a library reserves address space.
    'OPENBLAS_NUM_THREADS': '1',
    'OMP_NUM_THREADS': '1',
  }
  return subprocess.Popen(
    [sys.executable, '-c', _PROGRAM],
    env=environment,
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    stderr=subprocess.DEVNULL,
  )


def read_answer(
  stream: BinaryIO, items: Sequence[uploads.Item]
) -> Iterator[Clip]:
  """Yields the clips that the process writes; a file may have taken it over.

  Raises:
    EOFError: the answer ends too early, or is none.
    UserError: the process says that it cannot go on.
  """
  left = silhouettes.MOST_FRAMES
  while True:
    line = stream.readline(_LONGEST_LINE)
    if not line.endswith(b'\n'):
      raise EOFError
    try:
      record = files.parse_json(line)
      if 'error' in record:
        raise errors.UserError(record['error'])
      if 'end' in record:
        return
      clip = _read_clip(stream, record, items, left)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
      raise EOFError from error
    left -= max(1, len(clip.frames))
    yield clip


def question(items: Sequence[uploads.Item]) -> dict[str, Any]:
  """What the process is asked."""
  paths = [item.path for item in items]
  return {'paths': paths, 'frames': silhouettes.MOST_FRAMES}


def _ask(process, items):
  process.stdin.write(json.dumps(question(items)).encode())
  process.stdin.close()


def _read_clip(stream, record, items, left):
  """The clip that a record announces."""
  item = items[record['item']]
  length, *size = record['shape']
  if not 0 <= length <= left or tuple(size) not in silhouettes.SHAPES:
    raise ValueError('no clip')
  content = stream.read(length * size[0] * size[1])
  source = errors.printable(item.source + record['member'], _LONGEST_SOURCE)
  return Clip(
    source,
    np.frombuffer(content, np.uint8).reshape(length, *size),
    tuple(_named(str(text), item.frames) for text in record['left_out']),
    int(record['lost']),
  )


def _named(sentence, names):
  """A sentence about frames, by the names that they came with."""

  def name(found):
    number = int(found[1])
    known = number < len(names)
    return errors.printable(names[number], 60) if known else found[0]

  return errors.printable(re.sub(r'\b(\d{6})\.png\b', name, sentence), 1000)
