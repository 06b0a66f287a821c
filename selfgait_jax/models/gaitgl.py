"""GaitGL: 3D convolutions of the whole body and of horizontal strips."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax import errors
from selfgait_jax.models import heads, layers, network
from selfgait_jax.models.batch_norm import BatchNorm, around_one
from selfgait_jax.models.conv.clip_conv import ClipConv

LEAST = 1e-6  # lower bound of the features in the generalised mean


class GaitGL(network.Network):
  """Global and local 3D convolutions; every row of the map is a part.

  Lin et al., ICCV 2021 (arXiv:2011.01461); ShiqiYu/OpenGait.
  """

  widths: tuple[int, ...]
  halving: int
  neck: bool
  classes: int
  dtype: jnp.dtype

  map_divisor = 2
  merges_views = True
  merged_frames = 3

  def setup(self):
    if len(self.widths) not in (3, 4):
      raise errors.UserError(
        f'expected 3 or 4 numbers in model.widths, found {len(self.widths)}; '
        'change it to (32, 64, 128) or (32, 64, 128, 256)'
      )
    self.encoder = Encoder(self.widths, self.halving, self.dtype)
    self.part_linear = layers.PartLinear(self.widths[-1])

  @property
  def reach(self) -> int:
    return _reach(len(self.widths) - 2)

  def peak(
    self,
    clips: jax.Array,
    mask: jax.Array | None = None,
    train: bool = False,
    counted: jax.Array | None = None,
  ) -> jax.Array:
    """The encoder's maps: clips [B, T, H, W] -> [B, H', W', C]."""
    return self.encoder(clips, mask, counted)

  def parts(self, peak: jax.Array) -> jax.Array:
    """The mean of each row of the maps, float32 [B, H', C]."""
    return self.encoder.means(peak)

  @nn.compact
  def heads(self, pooled: jax.Array, train: bool) -> dict[str, jax.Array]:
    """`embedding` [B, P, D] and, with `classes`, `logits`.

    Without `neck` the embedding is the output of the head's batch norm, and the
    classifier is linear. With `neck` it is the input of a BNNeck, whose logits
    are cosines.
    """
    embedding, logits = self.part_linear(pooled), None
    # Created here, not in `setup`: `neck` is already the name of a setting.
    if not self.neck:
      embedding, logits = Head(self.classes, name='neck')(embedding, train)
    elif self.classes:
      _, logits = heads.BNNeck(self.classes, name='neck')(embedding, train)
    outputs = {'embedding': embedding}
    return outputs if logits is None else outputs | {'logits': logits}


class Encoder(nn.Module):
  """The 3D convolutions, the maximum over time and the mean of each row.

  Three widths make the small network (CASIA-B), four the large one (OU-MVLP,
  GREW), which has two convolutions wherever the small one has one.

  Attributes:
    widths: channels of the stem and of the stages.
    halving: the local convolutions process 2**halving strips separately.
    dtype: of the compute; parameters are float32.
  """

  widths: tuple[int, ...]
  halving: int
  dtype: jnp.dtype

  def setup(self):
    self.power = self.param('power', nn.initializers.constant(6.5), (1,))

  @nn.compact
  def __call__(
    self,
    clips: jax.Array,
    mask: jax.Array | None,
    counted: jax.Array | None,
  ) -> jax.Array:
    """Maximum over time: [B, T, H, W], bool [B, T] or None -> [B, 2H, W/2, C].

    `counted`, bool [B, T], are the valid frames that count, of a clip of more
    than 3 frames; they begin at a multiple of 3. None for all.
    """
    clips, mask = _repeat_short(clips, mask)
    blocks = range(1, len(self.widths) - 1)
    x = clips[..., None]
    for i in blocks:
      x = ClipConv(self.widths[0], 3, self.dtype, name=f'stem{i}')(x, mask)
      x = nn.leaky_relu(x, layers.SLOPE)
    x = Thirds(self.dtype, name='thirds')(x)
    x = nn.leaky_relu(x, layers.SLOPE)
    mask = None if mask is None else mask[:, 2::3]
    for stage, width in enumerate((*self.widths[1:3], self.widths[-1]), 1):
      for i in blocks:
        below = stage == 3 and i == blocks[-1]
        block = GlobalLocal(
          width,
          2**self.halving,
          below,
          self.dtype,
          name=f'stage{stage}_block{i}',
        )
        x = block(x, mask)
      if stage == 1:
        x = layers.unfold(layers.halve(layers.fold(x)), x.shape[0])
    counted = None if counted is None else counted[:, 2::3]
    return layers.temporal_max(x, mask, counted)

  def means(self, maps: jax.Array) -> jax.Array:
    """The generalised mean of each row: [B, H, W, C] -> float32 [B, H, C]."""
    return generalised_mean(layers.at_least_float32(maps), self.power)


class Thirds(nn.Module):
  """Merges every three frames into one: [B, T, ..., C] -> [B, T // 3, ..., C].

  GaitGL's local temporal aggregation, a convolution of size and stride 3 over
  time. Written as three matrix products because XLA's 3D convolution is several
  times slower on CPU.

  Attributes:
    dtype: of the compute; the kernel is float32.
  """

  dtype: jnp.dtype

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    shape = (3, 1, 1, x.shape[-1], x.shape[-1])
    kernel = self.param('kernel', nn.initializers.glorot_uniform(), shape)
    end = x.shape[1] // 3 * 3
    taps = kernel[:, 0, 0].astype(self.dtype)
    return sum(x[:, i:end:3] @ tap for i, tap in enumerate(taps))


class GlobalLocal(nn.Module):
  """A 3D convolution of the whole map, and one of each horizontal strip.

  [B, T, H, W, C] -> [B, T, H, W, D], the sum of both results; or, with `below`,
  [B, T, 2H, W, D].

  Attributes:
    features: D.
    strips: number of strips into which the rows are cut.
    below: stack the strips' result below the map's instead of adding it.
    dtype: of the compute; parameters are float32.
  """

  features: int
  strips: int
  below: bool
  dtype: jnp.dtype

  @nn.compact
  def __call__(self, x: jax.Array, mask: jax.Array | None) -> jax.Array:
    b, t, h, w, c = x.shape
    strips = x.reshape(b, t, self.strips, h // self.strips, w, c)
    x = ClipConv(self.features, 3, self.dtype, name='global')(x, mask)
    strips = ClipConv(self.features, 3, self.dtype, name='local')(strips, mask)
    x = nn.leaky_relu(x, layers.SLOPE)
    strips = nn.leaky_relu(strips.reshape(x.shape), layers.SLOPE)
    return jnp.concatenate([x, strips], 2) if self.below else x + strips


class Head(nn.Module):
  """Batch norm over samples and parts, then a linear classifier for each part.

  Attributes:
    classes: K; 0 for the batch norm without a classifier.
  """

  classes: int

  @nn.compact
  def __call__(
    self, x: jax.Array, train: bool
  ) -> tuple[jax.Array, jax.Array | None]:
    """[B, P, C] -> (normalised [B, P, C], logits [B, P, K] or None)."""
    x = BatchNorm(1, around_one, name='norm')(x, train)
    if not self.classes:
      return x, None
    return x, layers.PartLinear(self.classes, name='classify')(x)


def generalised_mean(maps: jax.Array, power: jax.Array) -> jax.Array:
  """Mean of order `power` of each row: [B, H, W, C] -> [B, H, C].

  Generalised-mean pooling (arXiv:1711.02512). Features are divided by the
  largest of their row first: in float32 LEAST**6.5 underflows to 0, where the
  gradient of the root is infinite.
  """
  maps = jnp.maximum(maps, LEAST)
  # The scale cancels, so it needs no gradient.
  largest = jax.lax.stop_gradient(maps.max(2, keepdims=True))
  mean = ((maps / largest) ** power).mean(2)
  return largest[:, :, 0] * mean ** (1 / power)


def _reach(blocks):
  """Of `Encoder`: its convolutions before and after every 3 frames are merged.

  A multiple of 3.
  """
  merged = 3 * blocks
  return 3 * (merged + -(-blocks // 3))


def _repeat_short(clips, mask):
  """Repeats clips of 1 frame to 3 and of 2 frames to 4, for `Thirds`."""
  frames = clips.shape[1]
  if mask is None:
    return jnp.tile(clips, (1, {1: 3, 2: 2}.get(frames, 1), 1, 1)), None
  # To 4 frames at least; an exported program does not know how many there are.
  more = 3 if jax.export.is_symbolic_dim(frames) else max(4 - frames, 0)
  clips = jnp.pad(clips, ((0, 0), (0, more), (0, 0), (0, 0)))
  length = mask.sum(1, keepdims=True)  # [B, 1]
  time = jax.lax.broadcasted_iota(jnp.int32, clips.shape[:2], 1)
  odd = (time == 1) | (time == 3)
  first, second = clips[:, :1], clips[:, 1:2]
  is_one, is_short = (layers.expand_mask(length <= n, 4) for n in (1, 2))
  second = jnp.where(is_one, first, second)
  repeated = jnp.where(layers.expand_mask(odd, 4), second, first)
  clips = jnp.where(is_short, repeated, clips)
  filled = jnp.where(length == 1, 3, jnp.where(length == 2, 4, length))
  return clips, time < filled
