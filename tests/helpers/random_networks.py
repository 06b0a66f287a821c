"""Small networks with random variables, and how far two results are apart."""

import functools

import jax
import numpy as np

from selfgait_jax.models import factory
from selfgait_jax.settings import networks

# Most programs here run once: optimising them would take longer than it saves.
UNOPTIMISED = {'xla_backend_optimization_level': 0}
RESIDUAL = {'widths': (2, 3, 4, 5), 'embedding_dim': 6, 'bins': (16,)}
SMALL = {
  'selfgait': {
    'widths': (2, 3, 4),
    'bins': (1, 2, 4),
    'embedding_dim': 8,
    'projector_hidden': 8,
    'projector_dim': 8,
  },
  'gaitset': {'widths': (2, 3, 4), 'embedding_dim': 8},
  'gaitpart': {'widths': (4, 4, 8)},
  'gaitgl': {'widths': (2, 3, 4), 'classes': 5},
  'gaitbase': RESIDUAL | {'layers': (1, 2, 1, 1), 'classes': 5},
  'deepgaitv2': RESIDUAL | {'classes': 5, 'use_emb2': True},
  'gaitssb': RESIDUAL,
}
# Further forms of some networks: the network, and settings on top of `SMALL`.
FORMS = {
  'gaitgl_large': (
    'gaitgl',
    {'widths': (2, 3, 4, 5), 'halving': 1, 'neck': True},
  ),
  'deepgaitv2_2d': ('deepgaitv2', {'mode': '2d', 'use_emb2': False}),
  'deepgaitv2_3d': (
    'deepgaitv2',
    {'mode': '3d', 'layers': (2, 1, 2, 1), 'use_emb2': False},
  ),
}


def section(name: str, **settings):
  """Settings of a small network: a key of `SMALL` or `FORMS`, with changes."""
  network, extra = FORMS.get(name, (name, {}))
  small = getattr(networks, network)()
  small.update(SMALL[network] | extra | settings)
  return small


def make(name: str, **settings):
  """The network of `section`."""
  return factory.make_model(section(name, **settings))


@functools.cache
def drawn(name: str, crop_width: int = 8):
  """(network, random variables, compiled evaluation) of `make(name)`."""
  model = make(name)
  variables = draw(model, crop_width)
  apply = jitted(model.apply)
  return model, variables, functools.partial(apply, variables)


def draw(model, crop_width: int):
  """Random variables of a network.

  Statistics are random too: as initialised, many effects cancel. Kernels keep
  features alive through the depth of the network.
  """
  rng = np.random.default_rng(0)
  return jax.tree_util.tree_map_with_path(
    lambda path, x: _draw(path[-1].key, x.shape, rng),
    factory.variable_shapes(model, crop_width),
  )


def jitted(function):
  """Compiled without optimisation."""
  return jax.jit(function, compiler_options=UNOPTIMISED)


def error(actual, expected) -> float:
  """Largest difference relative to the largest expected value."""
  actual, expected = np.asarray(actual), np.asarray(expected)
  return np.abs(actual - expected).max() / np.abs(expected).max()


def _draw(name, shape, rng):
  noise = rng.standard_normal(shape, np.float32)
  if name == 'kernel':
    return noise * np.float32((2 / np.prod(shape[:-1])) ** 0.5)
  if name in ('scale', 'var', 'power'):
    return np.float32(0.5) + abs(noise)
  return noise * np.float32(0.3)
