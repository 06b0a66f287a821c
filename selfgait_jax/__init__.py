"""Self-supervised gait recognition from silhouettes, in JAX/Flax."""

import importlib

__version__ = '0.1.0'

# Public names and the modules that have them; a module stands for itself. They
# are imported on first use: worker processes for data must not import JAX.
# `__init__.pyi` tells type checkers the same.
_MODULES = {
  'Clip': 'clips.clip',
  'Clips': 'clips.reading',
  'Embedder': 'embedder',
  'Gallery': 'gallery.gallery',
  'load_embedder': 'embedder',
  'losses': '',
  'protocols': '',
  'quality': 'clips.quality',
  'read_clips': 'clips.reading',
  'retrieval': '',
}
__all__ = ['__version__', *_MODULES]


def __getattr__(name):
  if name not in _MODULES:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  if not _MODULES[name]:
    return importlib.import_module(f'selfgait_jax.{name}')
  module = importlib.import_module(f'selfgait_jax.{_MODULES[name]}')
  return getattr(module, name)


def __dir__():
  return sorted(__all__)
