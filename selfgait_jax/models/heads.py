"""Heads on part features: BYOL's MLP, GaitSSB's MLP and the BNNeck."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import layers
from selfgait_jax.models.batch_norm import BatchNorm, around_one


class MLPHead(nn.Module):
  """Linear, batch norm, ReLU, linear: [B, P, C] -> float32 [B, P, D].

  BYOL's projector and predictor as SelfGait has them (EchoItLiu/SelfGait,
  `MLPHead`): the parts share weights and batch statistics. Always float32,
  because the heads are small and feed the loss.

  Attributes:
    hidden: features of the hidden layer.
    features: D.
  """

  hidden: int
  features: int

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    x = _linear(self.hidden, x.shape[-1], 'expand')(x.astype(jnp.float32))
    x = nn.relu(BatchNorm(name='norm')(x, train))
    return _linear(self.features, self.hidden, 'reduce')(x)


class PartMLP(nn.Module):
  """Linear, batch norm, ReLU, linear, with separate weights for each part.

  GaitSSB's projector and predictor: [B, P, C] -> float32 [B, P, D].

  Attributes:
    features: D, also of the hidden layer.
    norm_output: end with another batch norm.
  """

  features: int
  norm_output: bool

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    norm = lambda name: BatchNorm(2, around_one, name=name)
    x = layers.PartLinear(self.features, name='expand')(x)
    x = nn.relu(norm('norm')(x, train))
    x = layers.PartLinear(self.features, name='reduce')(x)
    return norm('last_norm')(x, train) if self.norm_output else x


class BNNeck(nn.Module):
  """Batch norm and a cosine classifier for each part (OpenGait).

  Attributes:
    classes: K.
  """

  classes: int

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> tuple[jax.Array, jax.Array]:
    """[B, P, C] -> (unit features [B, P, C], cosines [B, P, K]), float32."""
    x = layers.at_least_float32(x)
    x = layers.unit_length(BatchNorm(2, around_one, name='norm')(x, train))
    classify = layers.PartLinear(self.classes, unit=True, name='classify')
    return x, classify(x)


def _linear(features, inputs, name):
  init = layers.torch_uniform(inputs)
  return nn.Dense(features, kernel_init=init, bias_init=init, name=name)
