"""Small networks with random variables, compiled without much thought."""

import functools

import jax
import numpy as np

from selfgait_jax.models import factory

UNOPTIMISED = {'xla_backend_optimization_level': 0}


def draw(model, crop_width=44):
  """(random variables, compiled evaluation) of a model.

  Statistics are random too: as initialised many effects cancel. Kernels keep
  features alive through the depth of the network.
  """
  rng = np.random.default_rng(0)
  variables = jax.tree_util.tree_map_with_path(
    lambda path, x: _draw(path[-1].key, x.shape, rng),
    factory.variable_shapes(model, crop_width),
  )
  apply = jax.jit(model.apply, compiler_options=UNOPTIMISED)
  return variables, functools.partial(apply, variables)


def _draw(name, shape, rng):
  noise = rng.standard_normal(shape, np.float32)
  if name == 'kernel':
    return noise * np.float32((2 / np.prod(shape[:-1])) ** 0.5)
  if name in ('scale', 'var', 'power'):
    return np.float32(0.5) + abs(noise)
  return noise * np.float32(0.3)
