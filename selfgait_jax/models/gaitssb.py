"""GaitSSB: contrastive pretraining of GaitBase's trunk, and its fine-tuning."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import layers, network, resnet


class GaitSSB(network.Network):
  """ResNet-9, horizontal pyramid, a projector and one of two heads.

  Fan et al., TPAMI 2023 (DOI 10.1109/TPAMI.2023.3312419); ShiqiYu/OpenGait.
  With `head` 'predictor' it is the network of pretraining, with 'linear' the
  one of fine-tuning.
  """

  widths: tuple[int, ...]
  layers: tuple[int, ...]
  bins: tuple[int, ...]
  embedding_dim: int
  head: str
  dtype: jnp.dtype
  remat: bool = False

  # The gait embedding passes through all there is.
  label_free_modules = ()

  @property
  def learns_without_labels(self) -> bool:
    return self.head == 'predictor'

  def setup(self):
    self.encoder = resnet.ResNet9(
      self.widths, self.layers, self.dtype, remat=self.remat
    )
    self.projector = PartMLP(self.embedding_dim, norm_output=True)
    if self.head == 'predictor':
      self.predictor = PartMLP(self.embedding_dim, norm_output=False)
    else:
      self.part_linear = layers.PartLinear(self.embedding_dim, unit=True)

  def pool(
    self, clips: jax.Array, mask: jax.Array | None = None, train: bool = False
  ) -> jax.Array:
    """The residual trunk, its maximum over time cut into strips."""
    return resnet.pool(self.encoder, self.bins, clips, mask, train)

  def heads(self, pooled: jax.Array, train: bool) -> dict[str, jax.Array]:
    """`projection`, with a predictor its `prediction`, and `embedding`.

    The embedding is the prediction at unit length, or what the linear head
    makes of the projection at unit length; all float32 [B, P, D].
    """
    projection = self.projector(pooled, train)
    outputs = {'projection': projection}
    if self.head == 'predictor':
      outputs['prediction'] = self.predictor(projection, train)
      embedding = layers.unit_length(outputs['prediction'])
    else:
      embedding = self.part_linear(layers.unit_length(projection))
    return outputs | {'embedding': embedding}


class PartMLP(nn.Module):
  """Linear, batch norm, ReLU, linear, each part with weights of its own.

  [B, P, C] -> float32 [B, P, D].

  Attributes:
    features: D, and of the hidden layer.
    norm_output: a batch norm at the end too.
  """

  features: int
  norm_output: bool

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    norm = lambda name: layers.BatchNorm(2, layers.around_one, name=name)
    x = layers.PartLinear(self.features, name='expand')(x)
    x = nn.relu(norm('norm')(x, train))
    x = layers.PartLinear(self.features, name='reduce')(x)
    return norm('last_norm')(x, train) if self.norm_output else x
