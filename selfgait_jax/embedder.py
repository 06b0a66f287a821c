"""Gait embeddings from a checkpoint, in three lines and without TensorFlow."""

from collections.abc import Sequence

import ml_collections
import numpy as np

from selfgait_jax import embedding, errors
from selfgait_jax.data import sequences
from selfgait_jax.machine import sharding
from selfgait_jax.models import factory
from selfgait_jax.run import checkpointing


class Embedder:
  """A network with its weights; made by `load_embedder`.

  Attributes:
    manifest: what the checkpoint says of itself: model, pixels, source.
  """

  def __init__(self, variables: dict, manifest: dict, batch_frames: int):
    self.manifest = manifest
    config = ml_collections.ConfigDict(manifest['model'])
    self._variables = variables
    self._crop_width = config.crop_width
    self._embed = embedding.make_embedder(
      factory.make_model(config),
      sharding.make_mesh(),
      manifest['embedding'],
      config.crop_width,
      batch_frames,
    )

  def embed(self, clips: Sequence[np.ndarray]) -> np.ndarray:
    """Gait embeddings of silhouette sequences, on all devices.

    All frames of a sequence count, and neither its place in the list nor its
    neighbours do. Compare embeddings with `retrieval.pairwise_distance`.

    Args:
      clips: N arrays uint8 [T, 64, W] of silhouettes 0..255, aligned as
        `data/silhouettes.py` does it: T may differ, W is 64 or the network's
        `crop_width`, to which the middle columns are cut.

    Returns:
      float32 [N, P, D]: P parts with D features each.

    Raises:
      UserError: a clip is of another type or size, empty, or of 0 and 1.
    """
    if not len(clips):
      raise errors.UserError(
        'expected at least one clip, found none; pass a list of uint8 [T, H, W]'
      )
    cut = [self._check(number, clip) for number, clip in enumerate(clips)]
    found = sequences.from_records((('', '', '', clip) for clip in cut), '')
    return self._embed(self._variables, found, int(found.lengths.max()))

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
  """The embedder of a checkpoint, of this program or imported.

  Args:
    checkpoint: a stage's folder in a work folder, what
      `scripts/convert_checkpoint.py` wrote, or one checkpoint.
    batch_frames: padded frames a device step, at most; less needs less memory.

  Raises:
    UserError: there is no whole checkpoint.
  """
  variables, manifest = checkpointing.load_variables(checkpoint)
  return Embedder(variables, manifest, batch_frames)
