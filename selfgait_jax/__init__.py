"""Self-supervised gait recognition from silhouettes, in JAX/Flax."""

import importlib

__version__ = '0.1.0'


def __getattr__(name):
  # Imported on first use: worker processes for data must not import JAX.
  if name == 'load_embedder':
    return importlib.import_module('selfgait_jax.embedder').load_embedder
  if name in ('losses', 'protocols', 'retrieval'):
    return importlib.import_module(f'selfgait_jax.{name}')
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
