"""GaitPart: focal convolutions and micro-motion of horizontal parts."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import layers, network, set_encoder, temporal


class GaitPart(network.Network):
  """Focal trunk, micro-motion templates, temporal maximum, a matrix a part.

  Fan et al., CVPR 2020; ShiqiYu/OpenGait.
  """

  widths: tuple[int, ...]
  halvings: tuple[int, ...]
  bins: tuple[int, ...]
  dtype: jnp.dtype

  merges_views = True

  def setup(self):
    self.encoder = set_encoder.SetEncoder(
      self.widths, self.bins, self.dtype, self.halvings
    )
    self.motion = temporal.MicroMotion(
      dtype=self.dtype,
      use_bias=False,
      activation=functools.partial(nn.leaky_relu, negative_slope=layers.SLOPE),
      kernel_init=nn.initializers.glorot_uniform(batch_axis=(0,)),
    )
    self.part_linear = layers.PartLinear(self.widths[-1])

  def pool(
    self, clips: jax.Array, mask: jax.Array | None = None, train: bool = False
  ) -> jax.Array:
    """The maximum over time of the micro-motion of every part."""
    features = self.motion(self.encoder(clips), mask)  # [B, T, P, C]
    return layers.accurate(layers.temporal_max(features, mask))

  def heads(self, pooled: jax.Array, train: bool) -> dict[str, jax.Array]:
    """`embedding`: [B, P, C] -> float32 [B, P, D]."""
    return {'embedding': self.part_linear(pooled)}
