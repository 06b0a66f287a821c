"""The function that is exported: silhouettes in, embeddings out."""

import functools
from collections.abc import Callable

import jax
import ml_collections
import numpy as np

from selfgait_jax.models import embedding, factory

# Settings that change how a network is computed, and what exports have.
_COMPUTE = {'dtype': 'float32', 'remat': False, 'microbatches': 1}
INPUTS = ('frames', 'mask')
OUTPUT = 'embedding'


def make(manifest: dict) -> Callable:
  """(variables, uint8 [B, T, 64, W], bool [B, T]) -> float32 [B, P, D].

  W is the manifest's `crop_width`: who has wider silhouettes takes their middle
  columns.
  """
  section = manifest['model']
  kept = {name: _COMPUTE[name] for name in _COMPUTE if name in section}
  config = ml_collections.ConfigDict(section | kept)
  return functools.partial(
    embedding.embed,
    model=factory.make_model(config),
    output=manifest['embedding'],
    crop_width=config.crop_width,
  )


def shapes(manifest: dict, batch, frames) -> list[jax.ShapeDtypeStruct]:
  """Of `frames` and `mask`, with symbols for the first two dimensions."""
  width = manifest['model']['crop_width']
  return [
    jax.ShapeDtypeStruct((batch, frames, 64, width), np.uint8),
    jax.ShapeDtypeStruct((batch, frames), np.bool_),
  ]
