"""What training and evaluation need of a network: a trunk and its heads."""

import dataclasses
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import heads, layers


class Network(nn.Module):
  """Base of all networks; their attributes are the settings of `config.model`.

  A subclass defines `peak` and `parts` (the trunk: up to the maximum over time,
  and from there to the parts) and `heads` (everything after it).

  Attributes:
    microbatches: number of parts into which the trunk splits a training batch.
      The parts are processed one after another and recomputed for their
      gradient, so the trunk needs memory for one part only. Heads and losses
      see the whole batch. Batch norm in the trunk normalises each part by
      itself and updates its running statistics once a part. Devices sum the
      trunk's gradient once a part.
  """

  # Has a default because older checkpoints lack the setting.
  microbatches: int = dataclasses.field(default=1, kw_only=True)

  # The trunk divides the rows and columns of a frame by this. The rows that
  # remain must be divisible by the largest number of strips.
  map_divisor: ClassVar[int] = 4
  # How many frames on each side a frame's features depend on; 0 if each frame
  # passes through the trunk by itself.
  reach: ClassVar[int] = 0
  # The trunk merges so many frames into one before the maximum over time.
  merged_frames: ClassVar[int] = 1
  # True if the trunk has no batch norm: several views of a clip can then pass
  # through it as one batch.
  merges_views: ClassVar[bool] = False
  # Top-level modules of which the target network has a slow copy (BYOL).
  target_modules: ClassVar[tuple[str, ...]] = ()
  # Top-level modules used only by the label-free losses, and only by the losses
  # with labels. Steps with the other losses leave them unchanged, without
  # weight decay.
  label_free_modules: ClassVar[tuple[str, ...]] = ('predictor',)
  labelled_modules: ClassVar[tuple[str, ...]] = ('neck',)
  # True if `heads` returns `projection` and `prediction`.
  learns_without_labels: ClassVar[bool] = False

  def __call__(
    self, clips: jax.Array, mask: jax.Array | None = None, train: bool = False
  ) -> dict[str, jax.Array]:
    """All outputs for a batch of clips.

    Args:
      clips: float [B, T, H, W] in [0, 1].
      mask: bool [B, T], True for valid frames, which come first; None if all
        are valid.
      train: normalise with the statistics of the batch.

    Returns:
      float32 [B, P, ...] by name: `pooled` (the trunk's parts) and what `heads`
      returns, including `embedding`, which recognition uses.
    """
    pooled = self.pool(clips, mask, train)
    return {'pooled': pooled, **self.heads(pooled, train)}

  def learn(
    self, clips: jax.Array, mask: jax.Array | None, train: bool
  ) -> dict[str, jax.Array]:
    """`__call__` for training: the trunk runs in `microbatches` parts."""
    trunk = lambda network, *inputs: network.pool(*inputs, train)
    pooled = self._in_parts(trunk, clips, mask)
    return {'pooled': pooled, **self.heads(pooled, train)}

  def pool(
    self, clips: jax.Array, mask: jax.Array | None = None, train: bool = False
  ) -> jax.Array:
    """The trunk: clips [B, T, H, W] -> float32 [B, P, C]."""
    return self.parts(self.peak(clips, mask, train))

  def peak(
    self,
    clips: jax.Array,
    mask: jax.Array | None = None,
    train: bool = False,
    counted: jax.Array | None = None,
  ) -> Any:
    """The maximum over time of the trunk's features.

    A long clip can pass in pieces: the maximum of their peaks is its peak, if
    every frame counts in one piece that also shows it `reach` frames, where
    there are as many, on each side.

    Args:
      clips: as in `__call__`; likewise mask and train.
      counted: bool [B, T], the valid frames that count; None for all.

    Returns:
      Arrays [B, ...]; a tree if there are maxima at several depths.
    """
    raise NotImplementedError

  def parts(self, peak: Any) -> jax.Array:
    """The rest of the trunk: what `peak` returns -> float32 [B, P, C]."""
    return peak

  def heads(self, pooled: jax.Array, train: bool) -> dict[str, jax.Array]:
    """All outputs after the trunk: [B, P, C] -> {name: float32 [B, P, ...]}."""
    raise NotImplementedError

  def online_views(self, clips: jax.Array) -> dict[str, jax.Array]:
    """`heads` of several views: [B, V, T, H, W] -> {name: [B, V, P, ...]}.

    Each view is normalised with its own batch statistics.
    """
    trunk = lambda network, *inputs: network.pool(*inputs, True)
    pooled = self._over_views(trunk, clips)
    views = [self.heads(parts, True) for parts in pooled]
    return jax.tree.map(lambda *view: jnp.stack(view, 1), *views)

  def _over_views(self, trunk, clips):
    """The trunk of each view: [B, V, T, H, W] -> V arrays [B, P, C]."""
    batch, views = clips.shape[:2]
    if not self.merges_views:
      return [self._in_parts(trunk, clips[:, view]) for view in range(views)]
    # Folding V behind B leaves every clip on its device.
    pooled = layers.unfold(self._in_parts(trunk, layers.fold(clips)), batch)
    return [pooled[:, view] for view in range(views)]

  def _in_parts(self, trunk, clips, mask=None):
    """Runs `trunk`, (self, clips, mask) -> [B, P, C], in `microbatches`."""
    count = self.microbatches
    if count == 1:
      return trunk(self, clips, mask)
    scan = nn.scan(
      nn.remat(lambda self, _, part: (None, trunk(self, *part))),
      variable_broadcast='params',
      variable_carry='batch_stats',
      in_axes=1,
      out_axes=1,
    )
    # Clip b belongs to part b % count, which leaves every clip on its device.
    split = lambda x: x.reshape(-1, count, *x.shape[1:])
    _, pooled = scan(self, None, jax.tree.map(split, (clips, mask)))
    return layers.fold(pooled)


class BYOLNetwork(Network):
  """A network with BYOL's heads (arXiv:2006.07733) if `projector_hidden` > 0.

  A projector, of which the target network has a slow copy, and a predictor
  follow the embedding. A subclass has the settings `projector_hidden` and
  `projector_dim` and the modules `encoder` and `part_linear`, calls
  `super().setup()`, and adds what `project` returns to the outputs of `heads`.
  """

  @property
  def learns_without_labels(self) -> bool:
    return self.projector_hidden > 0

  @property
  def target_modules(self) -> tuple[str, ...]:
    modules = ('encoder', 'part_linear', 'projector')
    return modules if self.learns_without_labels else ()

  @property
  def label_free_modules(self) -> tuple[str, ...]:
    return ('projector', 'predictor')

  def setup(self):
    if self.learns_without_labels:
      head = (self.projector_hidden, self.projector_dim)
      self.projector = heads.MLPHead(*head)
      self.predictor = heads.MLPHead(*head)

  def project(self, embedding: jax.Array, train: bool) -> dict[str, jax.Array]:
    """`projection` and `prediction` of [B, P, D]; {} without the heads."""
    if not self.learns_without_labels:
      return {}
    projection = self.projector(embedding, train)
    prediction = self.predictor(projection, train)
    return {'projection': projection, 'prediction': prediction}

  def embed(self, pooled: jax.Array, train: bool) -> jax.Array:
    """The embedding that the projector sees: [B, P, C] -> [B, P, D]."""
    del train  # for subclasses
    return self.part_linear(pooled)

  def target_views(self, clips: jax.Array) -> jax.Array:
    """Projections by the target network: [B, V, T, H, W] -> [B, V, P, D].

    Normalised with batch statistics, as in BYOL.
    """
    trunk = lambda network, clips, _: network.target_pool(clips)
    pooled = self._over_views(trunk, clips)
    project = lambda parts: self.projector(self.embed(parts, True), True)
    return jnp.stack([project(parts) for parts in pooled], 1)

  def target_pool(self, clips: jax.Array) -> jax.Array:
    """The target's trunk: clips [B, T, H, W] -> float32 [B, P, C]."""
    return self.pool(clips, None, True)
