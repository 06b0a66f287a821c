"""The residual frame network of GaitBase: a ResNet with nine layers or more."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import layers
from selfgait_jax.models.conv.frame_conv import FrameConv

STRIDES = (1, 2, 2, 1)  # of the four stages


def pool(
  encoder: nn.Module,
  bins: Sequence[int],
  clips: jax.Array,
  mask: jax.Array | None,
  train: bool,
) -> jax.Array:
  """Parts of the maximum over time: [B, T, H, W] -> float32 [B, P, C].

  Args:
    encoder: a `ResNet9` of the calling module.
    bins: strips of each pyramid level.
    clips: float in [0, 1].
    mask: bool [B, T], the valid frames; None if all are.
    train: normalise with the statistics of the batch.
  """
  frames = layers.fold(clips)[..., None].astype(encoder.dtype)
  maps = encoder(frames, train, None if mask is None else mask.reshape(-1))
  peak = layers.temporal_max(layers.unfold(maps, len(clips)), mask)
  return layers.horizontal_pyramid(layers.accurate(peak), bins)


class ResNet9(nn.Module):
  """A stem and four stages of residual blocks, for every frame by itself.

  Without the maximum after the stem, as GaitBase has it (arXiv:2211.06597;
  ShiqiYu/OpenGait): rows and columns are quartered.

  Attributes:
    widths: channels of the four stages; the stem has those of the first.
    layers: blocks of each stage.
    dtype: of the compute; parameters are float32.
    strides: of each stage; fewer stages than four have fewer of each.
    remat: compute every block again for its gradient.
  """

  widths: tuple[int, ...]
  layers: tuple[int, ...]
  dtype: jnp.dtype
  strides: tuple[int, ...] = STRIDES
  remat: bool = False

  @nn.compact
  def __call__(
    self, x: jax.Array, train: bool, mask: jax.Array | None = None
  ) -> jax.Array:
    """[N, H, W, 1] -> [N, H/4, W/4, C]; for `mask` see `BasicBlock`."""
    x = FrameConv(self.widths[0], 3, self.dtype, name='stem')(x)
    x = layers.BatchNorm(1, layers.around_one, name='stem_norm')(x, train, mask)
    x = nn.relu(x)
    make_block = recomputed(BasicBlock) if self.remat else BasicBlock
    stages = zip(self.widths, self.layers, self.strides, strict=True)
    for stage, (width, blocks, stride) in enumerate(stages, 1):
      for block in range(1, blocks + 1):
        name = f'stage{stage}_block{block}'
        strides = stride if block == 1 else 1
        x = make_block(width, strides, self.dtype, name=name)(x, train, mask)
    return x


def recomputed(block: type[nn.Module]) -> type[nn.Module]:
  """The block (x, train, mask), of which a gradient keeps the input alone."""
  return nn.remat(block, static_argnums=(2,))  # `train`; `self` is number 0


class BasicBlock(nn.Module):
  """Two normalised convolutions beside a shortcut: [N, H, W, C] -> [.., D].

  The shortcut has a convolution of its own where the shape changes
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
    """`mask`: bool [N], the frames that count in the batch's statistics."""

    def conv_norm(y, size, strides, conv, norm):
      y = FrameConv(self.features, size, self.dtype, strides, name=conv)(y)
      return layers.BatchNorm(1, layers.around_one, name=norm)(y, train, mask)

    y = nn.relu(conv_norm(x, 3, self.strides, 'conv1', 'norm1'))
    y = conv_norm(y, 3, 1, 'conv2', 'norm2')
    if self.strides != 1 or x.shape[-1] != self.features:
      x = conv_norm(x, 1, self.strides, 'shortcut', 'shortcut_norm')
    return nn.relu(x + y)
