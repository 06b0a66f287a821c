"""GaitPart: focal convolutions and micro-motion of horizontal parts."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import layers, set_encoder, temporal


class GaitPart(nn.Module):
  """Focal trunk, micro-motion templates, temporal maximum, a matrix a part.

  Fan et al., CVPR 2020; ShiqiYu/OpenGait. Attributes are those of
  `config.model`.
  """

  target_modules = ()
  label_free_modules = ()

  widths: tuple[int, ...]
  halvings: tuple[int, ...]
  bins: tuple[int, ...]
  dtype: jnp.dtype

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

  def __call__(
    self, clips: jax.Array, mask: jax.Array | None = None, train: bool = False
  ) -> dict[str, jax.Array]:
    """Outputs of clips float [B, T, H, W] in [0, 1], mask bool [B, T] or None.

    Returns:
      float32 `pooled` [B, P, C] and `embedding` [B, P, D].
    """
    pooled = self.pool(clips, mask, train)
    return {'pooled': pooled, 'embedding': self.part_linear(pooled)}

  def pool(
    self, clips: jax.Array, mask: jax.Array | None = None, train: bool = False
  ) -> jax.Array:
    """`pooled` by itself; `train` makes no difference without batch norms."""
    features = self.motion(self.encoder(clips), mask)  # [B, T, P, C]
    return layers.accurate(layers.temporal_max(features, mask))
