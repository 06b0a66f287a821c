"""BYOL's projection and prediction heads: one class, used for each."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import layers


class MLPHead(nn.Module):
  """Linear, batch norm, ReLU, linear: [B, P, C] -> float32 [B, P, D].

  Weights are shared over the parts and the statistics taken over samples and
  parts together (EchoItLiu/SelfGait, `MLPHead`). Always float32: the heads are
  small and feed the loss.
  """

  hidden: int = 256
  features: int = 128

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    x = _linear(self.hidden, x.shape[-1], 'expand')(x.astype(jnp.float32))
    x = nn.relu(layers.BatchNorm(name='norm')(x, train))
    return _linear(self.features, self.hidden, 'reduce')(x)


def _linear(features, inputs, name):
  init = layers.torch_uniform(inputs)
  return nn.Dense(features, kernel_init=init, bias_init=init, name=name)
