"""Sequences, read and compressed by worker processes, one file a subject.

A file appears by renaming once it is complete. A preparation that was killed
therefore continues with the subjects that are missing.
"""

import functools
import json
import pathlib
import zlib
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from selfgait_jax.data import sequences, stored
from selfgait_jax.data.prepare import sources, worker_pool
from selfgait_jax.machine import files

_VERSION = 2  # of the staged files


def stage(
  source: sources.Source,
  subjects: list[str],
  folder: pathlib.Path,
  workers: int,
  report: Callable[[str], None],
) -> list[dict]:
  """Stages every subject that is not staged yet.

  Args:
    source: reads a subject.
    subjects: their names.
    folder: receives SUBJECT.npz; staged files of other subjects are deleted.
    workers: number of processes.
    report: called with lines of progress.

  Returns:
    A dictionary for each subject, sorted by subject: `subject`; `frames`
    (lengths by 'condition/view'); `too_small` (masks left out); `refused`
    ([file, reason] each); `remarks` ([sequence, sentence] each).
  """
  folder.mkdir(parents=True, exist_ok=True)
  known = set(subjects)
  for path in (*folder.glob('*.npz'), *folder.glob('*.partial')):
    if path.suffix != '.npz' or path.stem not in known:
      path.unlink()
  work = functools.partial(_stage_subject, source, folder)
  done = worker_pool.run(work, subjects, workers)
  done = worker_pool.track(done, len(subjects), 'subjects read', report)
  return sorted(done, key=lambda notes: notes['subject'])


def read(folder: pathlib.Path) -> Iterator[stored.Record]:
  """Yields the staged records of all subjects, sorted."""
  for path in sorted(folder.glob('*.npz')):
    with np.load(path) as staged:
      notes, blob = json.loads(str(staged['notes'])), staged['blob'].tobytes()
    start = 0
    for row in notes['rows']:
      size = row.pop('size')
      yield stored.Record(
        subject=notes['subject'], frames=blob[start : start + size], **row
      )
      start += size


def _stage_subject(source, folder, subject):
  """Runs in a worker: reads, compresses and writes one subject."""
  cv2.setNumThreads(1)  # the subjects are read in parallel already
  path = folder / f'{subject}.npz'
  stamp = f'{_VERSION} {source.stamp(subject)}'
  notes = _finished(path, stamp)
  if notes is None:
    notes, blob = _compress(source, subject)
    with files.whole(path) as partial, open(partial, 'wb') as file:
      np.savez(
        file,
        stamp=stamp,
        notes=json.dumps(notes),
        blob=np.frombuffer(blob, np.uint8),
      )
  rows = notes.pop('rows')
  notes['frames'] = {
    f'{row["condition"]}/{row["view"]}': row['num_frames'] for row in rows
  }
  return notes


def _finished(path, stamp):
  """The notes of a subject staged from the same files, else None."""
  try:
    with np.load(path) as staged:
      same = str(staged['stamp']) == stamp
      return json.loads(str(staged['notes'])) if same else None
  except Exception:  # absent, or torn by a crash of the machine
    return None


def _compress(source, subject):
  """Notes about a subject and its compressed frames end to end."""
  rows, blobs, refused, remarks, too_small = [], [], [], [], 0
  for sequence in source.sequences(subject):
    condition, view = sequence.condition, sequence.view
    refused.extend(sequence.refused)
    too_small += sequence.too_small
    name = f'{subject}/{condition}/{view}'
    remarks.extend([name, remark] for remark in sequence.remarks)
    if sequence.frames is None:
      continue
    blobs.append(zlib.compress(sequence.frames))
    rows.append(
      {
        'condition': condition,
        'view': view,
        'num_frames': len(sequence.frames),
        'fingerprint': sequences.pixel_fingerprint(sequence.frames),
        'size': len(blobs[-1]),
      }
    )
  notes = {
    'subject': subject,
    'rows': rows,
    'refused': refused,
    'remarks': remarks,
    'too_small': too_small,
  }
  return notes, b''.join(blobs)
