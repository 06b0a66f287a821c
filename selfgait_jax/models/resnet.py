"""The residual frame network of GaitBase, and what networks with it share."""

import dataclasses
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import heads, layers, network
from selfgait_jax.models.batch_norm import BatchNorm, around_one
from selfgait_jax.models.conv.frame_conv import FrameConv

STRIDES = (1, 2, 2, 1)  # of the four stages


class ResidualNetwork(network.BYOLNetwork):
  """A residual `encoder`, and after it OpenGait's heads of GaitBase.

  The heads are one matrix for each part, BYOL's heads and, with `classes`, a
  BNNeck. A subclass defines `peak`, `parts` and, in `setup`, the module
  `encoder`.
  """

  widths: tuple[int, ...]
  layers: tuple[int, ...]
  bins: tuple[int, ...]
  embedding_dim: int
  classes: int
  projector_hidden: int
  projector_dim: int
  dtype: jnp.dtype
  # Has a default because older checkpoints lack the setting.
  remat: bool = dataclasses.field(default=False, kw_only=True)

  # Whether the BNNeck's unit features replace the embedding.
  embeds_behind_neck: ClassVar[bool] = False

  def setup(self):
    super().setup()
    self.part_linear = layers.PartLinear(self.embedding_dim)
    if self.classes:
      self.neck = heads.BNNeck(self.classes)

  def heads(self, pooled: jax.Array, train: bool) -> dict[str, jax.Array]:
    """`embedding` [B, P, D], BYOL's outputs and, with `classes`, `logits`.

    The logits are cosines [B, P, K]. With `embeds_behind_neck` the embedding is
    the neck's unit feature, except in training, where losses on embeddings use
    the feature before the neck.
    """
    embedding = self.embed(pooled, train)
    outputs = {'embedding': embedding, **self.project(embedding, train)}
    if self.classes:
      unit, outputs['logits'] = self.neck(embedding, train)
      if self.embeds_behind_neck and not train:
        outputs['embedding'] = unit
    return outputs


def peak(
  encoder: nn.Module,
  clips: jax.Array,
  mask: jax.Array | None,
  train: bool,
  counted: jax.Array | None,
) -> jax.Array:
  """Maximum over time of the maps: [B, T, H, W] -> [B, H/4, W/4, C].

  Args:
    encoder: a `ResNet9` of the calling module.
    clips: float in [0, 1].
    mask: bool [B, T], True for valid frames; None if all are valid.
    train: normalise with the statistics of the batch.
    counted: bool [B, T], the valid frames that count; None for all.
  """
  frames = layers.fold(clips)[..., None].astype(encoder.dtype)
  maps = encoder(frames, train, None if mask is None else layers.fold(mask))
  return layers.temporal_max(layers.unfold(maps, clips.shape[0]), mask, counted)


def parts(maps: jax.Array, bins: tuple[int, ...]) -> jax.Array:
  """Strips of each pyramid level: [B, H, W, C] -> float32 [B, P, C]."""
  return layers.horizontal_pyramid(layers.at_least_float32(maps), bins)


class ResNet9(nn.Module):
  """A stem and up to four stages of residual blocks, frame by frame.

  As in GaitBase (arXiv:2211.06597; ShiqiYu/OpenGait) no maximum follows the
  stem, so rows and columns are divided by 4.

  Attributes:
    widths: channels of each stage; the stem has those of the first.
    layers: blocks of each stage.
    dtype: of the compute; parameters are float32.
    remat: recompute every block for its gradient.
    strides: of each stage.
  """

  widths: tuple[int, ...]
  layers: tuple[int, ...]
  dtype: jnp.dtype
  remat: bool
  strides: tuple[int, ...] = STRIDES

  @nn.compact
  def __call__(
    self, x: jax.Array, train: bool, mask: jax.Array | None = None
  ) -> jax.Array:
    """[N, H, W, 1] -> [N, H/4, W/4, C]; for `mask` see `BasicBlock`."""
    x = FrameConv(self.widths[0], 3, self.dtype, name='stem')(x)
    x = nn.relu(BatchNorm(1, around_one, name='stem_norm')(x, train, mask))
    make_block = recomputed(BasicBlock) if self.remat else BasicBlock
    stages = zip(self.widths, self.layers, self.strides, strict=True)
    for stage, (width, blocks, stride) in enumerate(stages, 1):
      for block in range(1, blocks + 1):
        name = f'stage{stage}_block{block}'
        strides = stride if block == 1 else 1
        x = make_block(width, strides, self.dtype, name=name)(x, train, mask)
    return x


def recomputed(block: type[nn.Module]) -> type[nn.Module]:
  """A block (x, train, mask) that keeps only its input for the gradient."""
  return nn.remat(block, static_argnums=(2,))  # `train`; `self` is number 0


class BasicBlock(nn.Module):
  """Two normalised convolutions beside a shortcut: [N, H, W, C] -> [..., D].

  The shortcut has its own convolution where the shape changes
  (arXiv:1512.03385).

  Attributes:
    features: D.
    strides: of the first convolution, on both axes.
    dtype: of the compute; parameters are float32.
  """

  features: int
  strides: int
  dtype: jnp.dtype

  @nn.compact
  def __call__(
    self, x: jax.Array, train: bool, mask: jax.Array | None = None
  ) -> jax.Array:
    """`mask`: bool [N], True for the frames that the batch norms count."""

    def conv_norm(y, size, strides, conv, norm):
      y = FrameConv(self.features, size, self.dtype, strides, name=conv)(y)
      return BatchNorm(1, around_one, name=norm)(y, train, mask)

    y = nn.relu(conv_norm(x, 3, self.strides, 'conv1', 'norm1'))
    y = conv_norm(y, 3, 1, 'conv2', 'norm2')
    if self.strides != 1 or x.shape[-1] != self.features:
      x = conv_norm(x, 1, self.strides, 'shortcut', 'shortcut_norm')
    return nn.relu(x + y)
