"""The file that GREW's evaluation server scores: its test labels are hidden."""

import pathlib

import numpy as np
from absl import logging

from selfgait_jax import retrieval
from selfgait_jax.data import datasets
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.machine import files
from selfgait_jax.protocols import reranking

FILE = 'GREW_submission.csv'
RANKS = 20


def write(
  config,
  workdir: pathlib.Path,
  embeddings: np.ndarray,
  sequences: SequenceSet,
) -> None:
  """Writes `GREW_submission.csv` if the data holds GREW's probe sequences.

  One line per probe: its name, then the subjects of the 20 nearest gallery
  sequences as numbers, which may repeat. The gallery holds both sequences of
  every test subject.

  Args:
    config: the whole config.
    workdir: receives the file.
    embeddings: [N, P, D].
    sequences: N of them, the test side.
  """
  is_probe = sequences.subjects == datasets.GREW_PROBE
  if config.data.name != datasets.GREW.name or not is_probe.any():
    return
  is_gallery = np.isin(sequences.conditions, datasets.GREW.numbered) & ~is_probe
  ranks = min(RANKS, is_gallery.sum())
  if ranks < RANKS:
    logging.warning(
      'expected %d or more gallery sequences of GREW, found %d; %s gets only '
      '%d ranks, and the server will refuse it',
      RANKS, ranks, FILE, ranks,
    )  # fmt: skip
  nearest = _nearest(
    embeddings[is_probe],
    embeddings[is_gallery],
    ranks,
    config.eval.distance,
    config.eval.rerank,
  )
  names = sequences.subjects[is_gallery].astype(int)[nearest]
  lines = [['videoId', *(f'rank{n}' for n in range(1, ranks + 1))]]
  for video, row in zip(sequences.views[is_probe], names, strict=True):
    lines.append([video, *map(str, row)])
  text = ''.join(f'{",".join(line)}\n' for line in lines)
  files.write_text(workdir / FILE, text)
  logging.info('GREW submission, %d probes: %s', is_probe.sum(), workdir / FILE)


def _nearest(probes, gallery, count, metric, rerank):
  """Gallery rows [M, count] of each probe, the nearest first."""
  if not rerank:
    return retrieval.nearest(probes, gallery, count, metric)[1]
  distances = reranking.make(probes, gallery, metric)
  blocks = retrieval.host_blocks(len(probes), len(gallery))
  order = [
    np.argsort(distances(rows), 1, 'stable')[:, :count] for rows in blocks
  ]
  return np.concatenate(order)
