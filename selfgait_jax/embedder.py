"""Clips to embeddings: any checkpoint in three lines, without TensorFlow."""

import functools
from collections.abc import Callable, Iterable, Sequence

import ml_collections
import numpy as np
from absl import logging

from selfgait_jax import errors, pieces
from selfgait_jax.data import evaluation_batches, sequences
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.machine import processes, progress, sharding
from selfgait_jax.models import embedding, factory
from selfgait_jax.run import checkpointing, digests

SAID_SECONDS = 5.0  # between two lines of progress


class Embedder:
  """A network with its weights; made by `load_embedder`.

  Attributes:
    manifest: of the checkpoint: its model, pixels and source.
  """

  def __init__(self, variables: dict, manifest: dict, batch_frames: int):
    self.manifest = manifest
    config = ml_collections.ConfigDict(manifest['model'])
    self._variables = variables
    self._crop_width = config.crop_width
    model, mesh = factory.make_model(config), sharding.make_mesh()
    self._embed = make_embedder(
      model, mesh, manifest['embedding'], config.crop_width, batch_frames
    )
    # Longer clips would take more memory than a batch.
    self._longest = max(1, batch_frames // mesh.size)
    self._embed_long = pieces.make_embedder(
      model,
      mesh,
      functools.partial(embedding.choose, output=manifest['embedding']),
      config.crop_width,
      self._longest,
    )

  @functools.cached_property
  def fingerprint(self) -> str:
    """Tells whether another embedder gives the same embeddings."""
    return digests.fingerprint(self.manifest, self._variables)

  def embed(self, clips: Sequence[np.ndarray]) -> np.ndarray:
    """Gait embeddings of silhouette sequences, on all devices.

    All frames of a sequence count; the other sequences in the list change
    nothing. A sequence longer than `batch_frames` passes through the network in
    pieces, which changes float32 rounding alone. Compare embeddings with
    `retrieval.pairwise_distance`.

    Args:
      clips: N arrays uint8 [T, 64, W] of silhouettes 0..255, aligned as by
        `data/prepare/silhouettes.py`. T may differ; W is 64, of which the
        middle columns are used, or the network's `crop_width`.

    Returns:
      float32 [N, P, D]: P parts of D features each.

    Raises:
      UserError: a clip is of another type or size, empty, or of 0 and 1.
    """
    if not len(clips):
      raise errors.UserError(
        'expected at least one clip, found none; pass a list of uint8 [T, H, W]'
      )
    cut = [self._check(number, clip) for number, clip in enumerate(clips)]
    short = [i for i, clip in enumerate(cut) if len(clip) <= self._longest]
    found: dict[int, np.ndarray] = {}
    if short:
      records = (('', '', '', cut[i]) for i in short)
      batch = sequences.from_records(records, '')
      some = self._embed(self._variables, batch, int(batch.lengths.max()))
      found.update(zip(short, some, strict=True))
    for i, clip in enumerate(cut):
      if i not in found:
        found[i] = self._embed_long(self._variables, clip)
    return np.stack([found[i] for i in range(len(cut))])

  def _check(self, number, clip):
    clip, width = np.asarray(clip), self._crop_width
    fits = clip.ndim == 3 and len(clip) and clip.shape[1] == 64
    if clip.dtype != np.uint8 or not fits or clip.shape[2] not in (64, width):
      raise errors.UserError(
        f'expected clips uint8 [T, 64, 64] or [T, 64, {width}], found '
        f'{clip.dtype} {list(clip.shape)} at {number}; align the silhouettes '
        'with scripts/prepare_silhouettes.py or data/silhouettes.py'
      )
    if clip.max() == 1:
      raise errors.UserError(
        f'expected silhouettes of 0 to 255, found 0 and 1 at {number}; '
        'multiply them by 255'
      )
    left = (clip.shape[2] - width) // 2
    return clip[:, :, left : left + width]


def load_embedder(checkpoint: str, batch_frames: int = 1024) -> Embedder:
  """Loads an embedder from a checkpoint, trained here or imported.

  Args:
    checkpoint: a stage's folder in a work folder, one checkpoint, or what
      `scripts/convert_checkpoint.py` or `selfgait export --to=folder` wrote.
    batch_frames: most padded frames of a device step; fewer take less memory.

  Raises:
    UserError: there is no complete checkpoint, or it is damaged.
  """
  variables, manifest = checkpointing.load_variables(checkpoint)
  return Embedder(variables, manifest, batch_frames)


def make_embedder(
  model, mesh, output: str, crop_width: int, batch_frames: int
) -> Callable:
  """(variables, sequences, max_frames, rows=None) -> float32 [N, P, D].

  The first `max_frames` of a sequence count. The batch that a sequence is in
  changes nothing beyond float32 rounding. All processes must call it together:
  each embeds its part of every batch, and all get the result.

  Args:
    model: the network.
    mesh: all devices.
    output: name of the model's output to return.
    crop_width: columns that the network sees.
    batch_frames: most padded frames of a device step.
  """
  step = sharding.compile_embed(
    functools.partial(
      embedding.embed,
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
    batches = evaluation_batches.evaluation_batches(
      sequences,
      rows,
      max_frames=max_frames,
      batch_frames=batch_frames,
      divisor=mesh.size,
      process_slice=(processes.index(), processes.count()),
    )
    place = {row: i for i, row in enumerate(rows)}
    # Process 0 may be ranking for longer than a collective waits.
    processes.wait()
    variables = sharding.replicate(variables, mesh)
    out, counter = None, progress.Counter(len(rows), 'sequences', SAID_SECONDS)
    for found, features in _one_behind(step, variables, batches, mesh):
      features = sharding.gather(features)
      if out is None:
        out = np.empty((len(rows), *features.shape[1:]), np.float32)
      real = found >= 0
      out[[place[row] for row in found[real]]] = features[real]
      if line := counter.add(int(real.sum())):
        logging.info('embedding %s %s', title, line)
    assert out is not None  # there is a row
    return out

  return embed


def standardise(embeddings: np.ndarray, sample: np.ndarray) -> np.ndarray:
  """Standardises by a sample's mean and deviation, then scales parts to 1.

  Args:
    embeddings: [N, P, D].
    sample: [M, P, D], of unlabelled sequences of the training data.

  Returns:
    float32 [N, P, D].
  """
  mean, deviation = sample.mean(0), sample.std(0)
  z = (embeddings - mean) / np.maximum(deviation, 1e-6)
  norm = np.linalg.norm(z, axis=-1, keepdims=True)
  return (z / np.maximum(norm, 1e-6)).astype(np.float32)


def _one_behind(step, variables, batches, mesh):
  """Yields (rows, features) of each batch after the next one has started."""
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
