"""DeepGaitV2: a residual network over rows, columns and, if asked, frames."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax import errors
from selfgait_jax.models import layers, network, resnet
from selfgait_jax.models.conv.clip_conv import ClipConv
from selfgait_jax.models.conv.frame_conv import FrameConv

# How many of the four stages look at every frame by itself.
FRAME_STAGES = {'2d': 4, '3d': 1, 'p3d': 1}


class DeepGaitV2(network.BYOLNetwork):
  """Residual trunk, horizontal pooling, a matrix a part and a BNNeck.

  Fan et al. (arXiv:2303.03301); ShiqiYu/OpenGait.
  """

  mode: str
  widths: tuple[int, ...]
  layers: tuple[int, ...]
  bins: tuple[int, ...]
  embedding_dim: int
  classes: int
  use_emb2: bool
  projector_hidden: int
  projector_dim: int
  dtype: jnp.dtype
  remat: bool = False

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
    self.part_linear = layers.PartLinear(self.embedding_dim)
    if self.classes:
      self.neck = layers.BNNeck(self.classes)

  def pool(
    self, clips: jax.Array, mask: jax.Array | None = None, train: bool = False
  ) -> jax.Array:
    """The residual trunk, its maximum over time cut into strips."""
    maps = layers.temporal_max(self.encoder(clips, train, mask), mask)
    return layers.horizontal_pyramid(layers.accurate(maps), self.bins)

  def heads(self, pooled: jax.Array, train: bool) -> dict[str, jax.Array]:
    """`embedding` [B, P, D], with `classes` the cosines `logits`, BYOL's.

    With `use_emb2` the embedding is the unit feature behind the neck, except in
    training: a loss on embeddings is always for those before it.
    """
    embedding = self.part_linear(pooled)
    outputs = {'embedding': embedding, **self.project(embedding, train)}
    if self.classes:
      unit, outputs['logits'] = self.neck(embedding, train)
      if self.use_emb2 and not train:
        outputs['embedding'] = unit
    return outputs


class Encoder(nn.Module):
  """Stages of frame blocks, then of clip blocks: `FRAME_STAGES`.

  Attributes:
    mode: 2d | 3d | p3d.
    widths: channels of the four stages.
    layers: blocks of each stage.
    dtype: of the compute; parameters are float32.
    remat: compute every block again for its gradient.
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
      resnet.STRIDES[:stages],
      self.remat,
      name='frames',
    )
    frame_mask = None if mask is None else layers.fold(mask)
    x = frames(layers.fold(clips)[..., None], train, frame_mask)
    x = layers.unfold(x, len(clips))
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
  """A residual block that sees neighbouring frames: [B, T, H, W, C] -> [.., D].

  Two 3 x 3 x 3 convolutions, or `pseudo`: two frame convolutions and between
  them, beside a shortcut of its own, one over time. The shortcut of the block
  has a convolution where the shape changes.

  Attributes:
    features: D.
    strides: of the first convolution, along rows and columns.
    pseudo: see above.
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
    """`mask`: bool [B, T], the frames that are seen and counted."""

    def norm(y, name):
      norm = layers.BatchNorm(1, layers.around_one, name=name)
      return norm(y, train, mask)

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
      x = frame_conv(x, 'shortcut', 1, self.strides)
      x = norm(x, 'shortcut_norm')
    return nn.relu(x + y)
