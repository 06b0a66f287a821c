"""GaitPart: focal convolutions and micro-motion of horizontal parts."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import layers, network, set_encoder, temporal


class GaitPart(network.Network):
  """Focal trunk, micro-motion templates, temporal maximum and part maps.

  Fan et al., CVPR 2020; ShiqiYu/OpenGait.
  """

  widths: tuple[int, ...]
  halvings: tuple[int, ...]
  bins: tuple[int, ...]
  dtype: jnp.dtype

  merges_views = True
  reach = temporal.REACH

  @property
  def map_divisor(self) -> int:
    return set_encoder.map_divisor(self.widths)

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

  def peak(
    self,
    clips: jax.Array,
    mask: jax.Array | None = None,
    train: bool = False,
    counted: jax.Array | None = None,
  ) -> jax.Array:
    """Temporal maximum of the micro-motion: [B, T, H, W] -> [B, P, C]."""
    features = self.motion(self.encoder(clips), mask)  # [B, T, P, C]
    peak = layers.temporal_max(features, mask, counted)
    return layers.at_least_float32(peak)

  def heads(self, pooled: jax.Array, train: bool) -> dict[str, jax.Array]:
    """`embedding`: [B, P, C] -> float32 [B, P, D]."""
    return {'embedding': self.part_linear(pooled)}
