"""Embeddings of whole sequences, in length buckets with masks."""

import functools
import time
from collections.abc import Callable, Iterable

import numpy as np
from absl import logging

from selfgait_jax import errors
from selfgait_jax.data import input_pipeline
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.machine import processes, sharding
from selfgait_jax.models import pixels
from selfgait_jax.run import metrics


def make_embedder(
  model, mesh, output: str, crop_width: int, batch_frames: int
) -> Callable:
  """(variables, sequences, max_frames, rows=None) -> float32 [N, P, D].

  `output` names one of the model's outputs, `batch_frames` is the most padded
  frames of a device step. The first `max_frames` of a sequence count; the
  result does not depend on the batch a sequence happens to be in, beyond
  float32 rounding. All processes must call it together; each reads and embeds
  its part of every batch, and all have the result.
  """
  step = sharding.compile_embed(
    functools.partial(
      _one_output,
      output=output,
      model=model,
      crop_width=crop_width,
    ),
    mesh,
  )

  def embed(
    variables,
    sequences: SequenceSet,
    max_frames: int,
    rows: Iterable[int] | None = None,
    title: str = '',
  ) -> np.ndarray:
    rows = np.arange(len(sequences)) if rows is None else np.asarray(rows)
    batches = input_pipeline.evaluation_batches(
      sequences,
      rows,
      max_frames=max_frames,
      batch_frames=batch_frames,
      divisor=mesh.size,
      process_slice=(processes.index(), processes.count()),
    )
    place = {row: i for i, row in enumerate(rows)}
    # Process 0 may still be ranking, for longer than a collective waits.
    processes.wait()
    variables = sharding.replicate(variables, mesh)
    out, done, start, shown = None, 0, time.monotonic(), time.monotonic()
    for found, features in _one_behind(step, variables, batches, mesh):
      features = sharding.gather(features)
      if out is None:
        out = np.empty((len(rows), *features.shape[1:]), np.float32)
      real = found >= 0
      out[[place[row] for row in found[real]]] = features[real]
      done += int(real.sum())
      if time.monotonic() - shown > 5:
        shown = time.monotonic()
        eta = (shown - start) / done * (len(rows) - done)
        logging.info(
          'embedding %s %d/%d sequences | %.0f sequences/s | ETA %s',
          title, done, len(rows), done / (shown - start), metrics.clock(eta),
        )  # fmt: skip
    return out

  return embed


def standardise(embeddings: np.ndarray, sample: np.ndarray) -> np.ndarray:
  """Standardised by the sample's mean and deviation, then unit parts.

  Args:
    embeddings: [N, P, D].
    sample: [M, P, D], of sequences without labels, from the training data.
  """
  mean, deviation = sample.mean(0), sample.std(0)
  z = (embeddings - mean) / np.maximum(deviation, 1e-6)
  norm = np.linalg.norm(z, axis=-1, keepdims=True)
  return (z / np.maximum(norm, 1e-6)).astype(np.float32)


def _one_behind(step, variables, batches, mesh):
  """Yields (rows, features) of a batch when the next one is on its way."""
  before = None
  for batch in batches:
    frames, mask = sharding.shard_batch((batch['frames'], batch['mask']), mesh)
    newest = batch['rows'], step(variables, frames, mask)
    sharding.keep_pace(newest, before)
    if before:
      yield before
    before = newest
  if before:
    yield before


def _one_output(variables, frames, mask, *, output, model, crop_width):
  clips = pixels.crop_frames(frames, crop_width)
  outputs = model.apply(variables, clips, mask)
  if output not in outputs:
    raise errors.UserError(
      f'expected an output of the network out of {", ".join(outputs)}, found '
      f'{output!r}; change config.eval.label_free_output'
    )
  return outputs[output]
