"""The model that a config describes."""

import flax.linen as nn
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
  selfgait,
)

MODELS = {  # config.model.name: the module, its attributes the other settings
  'deepgaitv2': deepgaitv2.DeepGaitV2,
  'gaitbase': gaitbase.GaitBase,
  'gaitgl': gaitgl.GaitGL,
  'gaitpart': gaitpart.GaitPart,
  'gaitset': gaitset.GaitSet,
  'gaitssb': gaitssb.GaitSSB,
  'selfgait': selfgait.SelfGait,
}


def make_model(config: ml_collections.ConfigDict) -> nn.Module:
  """`config` is `config.model`, or the same section of a checkpoint.

  Raises:
    UserError: the name or a setting is unknown.
  """
  settings = dict(config)
  name = settings.pop('name')
  if name not in MODELS:
    raise errors.UserError(
      f'expected model.name to be one of {", ".join(MODELS)}, found {name!r}'
    )
  del settings['crop_width']  # of its input, not of the network
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
