"""DeepGaitV2: a deep residual network in 2D, 3D or pseudo-3D."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax import errors
from selfgait_jax.models import layers, resnet
from selfgait_jax.models.batch_norm import BatchNorm, around_one
from selfgait_jax.models.conv.clip_conv import ClipConv
from selfgait_jax.models.conv.frame_conv import FrameConv

# The first stages, of four, that process each frame by itself.
FRAME_STAGES = {'2d': 4, '3d': 1, 'p3d': 1}


class DeepGaitV2(resnet.ResidualNetwork):
  """Residual trunk, horizontal pooling, part maps and a BNNeck.

  Fan et al. (arXiv:2303.03301); ShiqiYu/OpenGait.
  """

  mode: str
  use_emb2: bool

  @property
  def embeds_behind_neck(self) -> bool:
    return self.use_emb2

  @property
  def reach(self) -> int:
    blocks = sum(self.layers[FRAME_STAGES[self.mode] :])
    return blocks if self.mode == 'p3d' else 2 * blocks  # convolutions in time

  def setup(self):
    super().setup()
    if self.mode not in FRAME_STAGES:
      raise errors.UserError(
        f'expected model.mode to be one of {", ".join(FRAME_STAGES)}, found '
        f'{self.mode!r}'
      )
    if self.use_emb2 and not self.classes:
      raise errors.UserError(
        'expected a classifier with model.use_emb2, whose norm makes the '
        'embedding, found model.classes 0; set model.classes, or use_emb2 False'
      )
    self.encoder = Encoder(
      self.mode, self.widths, self.layers, self.dtype, self.remat
    )

  def peak(
    self,
    clips: jax.Array,
    mask: jax.Array | None = None,
    train: bool = False,
    counted: jax.Array | None = None,
  ) -> jax.Array:
    """Maps of the trunk: clips [B, T, H, W] -> [B, H', W', C]."""
    return layers.temporal_max(self.encoder(clips, train, mask), mask, counted)

  def parts(self, peak: jax.Array) -> jax.Array:
    """Strips of the maps, float32 [B, P, C]."""
    return resnet.parts(peak, self.bins)


class Encoder(nn.Module):
  """Stages of frame blocks (`FRAME_STAGES`), then stages of clip blocks.

  Attributes:
    mode: 2d | 3d | p3d.
    widths: channels of the four stages.
    layers: blocks of each stage.
    dtype: of the compute; parameters are float32.
    remat: recompute every block for its gradient.
  """

  mode: str
  widths: tuple[int, ...]
  layers: tuple[int, ...]
  dtype: jnp.dtype
  remat: bool

  @nn.compact
  def __call__(
    self, clips: jax.Array, train: bool, mask: jax.Array | None
  ) -> jax.Array:
    """float [B, T, H, W], bool [B, T] or None -> [B, T, H/4, W/4, C]."""
    stages = FRAME_STAGES[self.mode]
    frames = resnet.ResNet9(
      self.widths[:stages],
      self.layers[:stages],
      self.dtype,
      self.remat,
      resnet.STRIDES[:stages],
      name='frames',
    )
    frame_mask = None if mask is None else layers.fold(mask)
    x = frames(layers.fold(clips)[..., None], train, frame_mask)
    x = layers.unfold(x, clips.shape[0])
    make_block = resnet.recomputed(ClipBlock) if self.remat else ClipBlock
    later = zip(
      self.widths[stages:],
      self.layers[stages:],
      resnet.STRIDES[stages:],
      strict=True,
    )
    for stage, (width, blocks, stride) in enumerate(later, stages + 1):
      for i in range(1, blocks + 1):
        block = make_block(
          width,
          stride if i == 1 else 1,
          self.mode == 'p3d',
          self.dtype,
          name=f'stage{stage}_block{i}',
        )
        x = block(x, train, mask)
    return x


class ClipBlock(nn.Module):
  """A residual block over neighbouring frames: [B, T, H, W, C] -> [..., D].

  Two 3 x 3 x 3 convolutions beside a shortcut, which has its own convolution
  where the shape changes. The pseudo-3D block has two frame convolutions and,
  between them, a convolution over time with a second shortcut around it.

  Attributes:
    features: D.
    strides: of the first convolution, along rows and columns.
    pseudo: pseudo-3D instead of 3D.
    dtype: of the compute; parameters are float32.
  """

  features: int
  strides: int
  pseudo: bool
  dtype: jnp.dtype

  @nn.compact
  def __call__(
    self, x: jax.Array, train: bool, mask: jax.Array | None
  ) -> jax.Array:
    """`mask`: bool [B, T], True for valid frames; the others act as padding."""

    def norm(y, name):
      return BatchNorm(1, around_one, name=name)(y, train, mask)

    def frame_conv(y, name, size=3, strides=1):
      conv = FrameConv(self.features, size, self.dtype, strides, name=name)
      return conv(y)

    def clip_conv(y, name, size=3, strides=1):
      conv = ClipConv(self.features, size, self.dtype, strides, name=name)
      return conv(y, mask)

    conv = frame_conv if self.pseudo else clip_conv
    y = nn.relu(norm(conv(x, 'conv1', strides=self.strides), 'norm1'))
    if self.pseudo:
      y = nn.relu(y + norm(clip_conv(y, 'conv_time', 1), 'norm_time'))
    y = norm(conv(y, 'conv2'), 'norm2')
    if self.strides != 1 or x.shape[-1] != self.features:
      x = norm(frame_conv(x, 'shortcut', 1, self.strides), 'shortcut_norm')
    return nn.relu(x + y)
