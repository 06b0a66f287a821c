"""Sequences, compressed by worker processes, in one file a subject.

What is finished stays finished: a file appears by renaming once it is whole,
so a preparation that was killed goes on with the subjects that are missing.
"""

import functools
import json
import os
import pathlib
import zlib

import cv2
import numpy as np

from selfgait_jax.data import sequences, stored
from selfgait_jax.data.prepare import worker_pool


def stage(source, subjects, folder: pathlib.Path, workers: int, report):
  """Stages every subject that is not staged yet.

  Args:
    source: reads a subject; a picklable object with the methods `stamp` and
      `sequences` of `trees.TreeSource`.
    subjects: their names.
    folder: receives SUBJECT.npz.
    workers: processes.
    report: called with lines of progress.

  Returns:
    One dictionary a subject with `subject`, `frames` (lengths by
    'condition/view'), `dropped` (masks left out) and `refused` ([file,
    reason] each), sorted by subject.
  """
  folder.mkdir(parents=True, exist_ok=True)
  known = set(subjects)
  for path in folder.iterdir():  # of another tree, or half written
    if path.suffix != '.npz' or path.stem not in known:
      path.unlink()
  work = functools.partial(_stage_subject, source, folder)
  done = worker_pool.run(work, subjects, workers)
  done = worker_pool.track(done, len(subjects), 'subjects read', report)
  return sorted(done, key=lambda notes: notes['subject'])


def read(folder: pathlib.Path):
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
  cv2.setNumThreads(1)  # the processes are the parallelism
  path = folder / f'{subject}.npz'
  stamp = source.stamp(subject)
  notes = _finished(path, stamp)
  if notes is None:
    notes, blob = _compress(source, subject)
    partial = path.with_suffix('.partial')
    with open(partial, 'wb') as file:
      np.savez(
        file,
        stamp=stamp,
        notes=json.dumps(notes),
        blob=np.frombuffer(blob, np.uint8),
      )
    os.replace(partial, path)
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
  rows, blobs, refused, dropped = [], [], [], 0
  for condition, view, frames, left_out, names in source.sequences(subject):
    refused.extend(names)
    dropped += left_out
    if frames is None:
      continue
    blobs.append(zlib.compress(frames))
    rows.append(
      {
        'condition': condition,
        'view': view,
        'num_frames': len(frames),
        'fingerprint': sequences.pixel_fingerprint(frames),
        'size': len(blobs[-1]),
      }
    )
  notes = {
    'subject': subject,
    'rows': rows,
    'refused': refused,
    'dropped': dropped,
  }
  return notes, b''.join(blobs)
