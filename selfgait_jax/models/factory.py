"""Builds the network of a config and its initial variables."""

import functools

import jax
import jax.numpy as jnp
import ml_collections

from selfgait_jax import errors
from selfgait_jax.models import (
  deepgaitv2,
  gaitbase,
  gaitgl,
  gaitpart,
  gaitset,
  gaitssb,
  network,
  selfgait,
)

# By config.model.name; the other settings are the attributes of the module.
MODELS = {
  'deepgaitv2': deepgaitv2.DeepGaitV2,
  'gaitbase': gaitbase.GaitBase,
  'gaitgl': gaitgl.GaitGL,
  'gaitpart': gaitpart.GaitPart,
  'gaitset': gaitset.GaitSet,
  'gaitssb': gaitssb.GaitSSB,
  'selfgait': selfgait.SelfGait,
}


def make_model(config: ml_collections.ConfigDict) -> network.Network:
  """The network that a section describes.

  Args:
    config: `config.model`, or the same section of a checkpoint's manifest.

  Raises:
    UserError: the name or a setting is unknown, or a setting is missing.
  """
  settings = dict(config)
  name = settings.pop('name')
  if name not in MODELS:
    raise errors.UserError(
      f'expected model.name to be one of {", ".join(MODELS)}, found {name!r}'
    )
  del settings['crop_width']  # describes the input, not the network
  settings['dtype'] = jnp.dtype(settings['dtype'])
  settings = {
    key: tuple(value) if isinstance(value, (list, tuple)) else value
    for key, value in settings.items()
  }
  try:
    return MODELS[name](**settings)
  except TypeError as error:
    raise errors.UserError(
      f'expected the settings of model {name}, found others ({error})'
    ) from error


def init_variables(
  model: network.Network, key: jax.Array, crop_width: int
) -> dict:
  """Random `params` and `batch_stats` of a network.

  Args:
    model: from `make_model`.
    key: of the random numbers.
    crop_width: columns of the input.
  """
  return _compiled_init(model, crop_width)(key)


def variable_shapes(model: network.Network, crop_width: int) -> dict:
  """Shapes and types of what `init_variables` returns."""
  return jax.eval_shape(_init(model, crop_width), jax.random.key(0))


@functools.cache
def _compiled_init(model, crop_width):
  # Compiled without optimisation, which would take longer than it saves.
  options = {'xla_backend_optimization_level': 0}
  return jax.jit(_init(model, crop_width), compiler_options=options)


def _init(model, crop_width):
  def init(key):
    found = model.init(key, jnp.zeros((1, 1, 64, crop_width)))
    # A network without batch norm has no `batch_stats`.
    return {name: found.get(name, {}) for name in ('params', 'batch_stats')}

  return init
