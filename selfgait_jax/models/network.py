"""What every network here is to the steps: a trunk, and heads on its parts."""

import dataclasses
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from selfgait_jax.models import heads, layers


class Network(nn.Module):
  """Base of the networks; their attributes are the settings of `config.model`.

  A subclass defines `pool`, the trunk, and `heads`, all that follows.

  Attributes:
    microbatches: parts in which the trunk takes a training batch, one after
      another, each computed again for its gradient: so it needs the memory of
      one part. Heads and losses see the whole batch. A batch norm in the trunk
      sees a part, and its running statistics count each as a step. Devices sum
    the trunk's gradient once a part.
  """

  microbatches: int = dataclasses.field(default=1, kw_only=True)

  # True where the batch normalises nothing in the trunk: several views of a
  # clip then go through it at once.
  merges_views: ClassVar[bool] = False

  # Top-level modules that have a slowly moving copy (BYOL).
  target_modules: ClassVar[tuple[str, ...]] = ()
  # Top-level modules that only losses without labels reach, and only losses
  # with labels: they rest, undecayed, in the other's steps.
  label_free_modules: ClassVar[tuple[str, ...]] = ('predictor',)
  labelled_modules: ClassVar[tuple[str, ...]] = ('neck',)
  # True if the heads include `projection` and `prediction`.
  learns_without_labels: ClassVar[bool] = False

  def __call__(
    self, clips: jax.Array, mask: jax.Array | None = None, train: bool = False
  ) -> dict[str, jax.Array]:
    """Every output.

    Args:
      clips: float [B, T, H, W] in [0, 1].
      mask: bool [B, T], the valid frames, which come first; None if all are.
      train: normalise with the statistics of the batch.

    Returns:
      float32 [B, P, .]: `pooled` (the trunk's parts) and what `heads` returns,
      with `embedding`, which recognition uses, among it.
    """
    pooled = self.pool(clips, mask, train)
    return {'pooled': pooled, **self.heads(pooled, train)}

  def learn(
    self, clips: jax.Array, mask: jax.Array | None, train: bool
  ) -> dict[str, jax.Array]:
    """`__call__` for a gradient: the trunk in its `microbatches`."""
    trunk = lambda network, *inputs: network.pool(*inputs, train)
    pooled = self._in_parts(trunk, clips, mask)
    return {'pooled': pooled, **self.heads(pooled, train)}

  def pool(
    self, clips: jax.Array, mask: jax.Array | None = None, train: bool = False
  ) -> jax.Array:
    """The trunk: clips [B, T, H, W] -> float32 [B, P, C]."""
    raise NotImplementedError

  def heads(self, pooled: jax.Array, train: bool) -> dict[str, jax.Array]:
    """All that follows the trunk: [B, P, C] -> {name: float32 [B, P, .]}."""
    raise NotImplementedError

  def online_views(self, clips: jax.Array) -> dict[str, jax.Array]:
    """What `heads` returns for several views: [B, V, T, H, W] -> [B, V, P, .].

    View after view, each with batch statistics of its own.
    """
    trunk = lambda network, *inputs: network.pool(*inputs, True)
    pooled = self._over_views(trunk, clips)
    views = [self.heads(parts, True) for parts in pooled]
    return jax.tree.map(lambda *view: jnp.stack(view, 1), *views)

  def _over_views(self, trunk, clips):
    """[B, V, T, H, W] -> V times [B, P, C]."""
    views = range(clips.shape[1])
    if not self.merges_views:
      return [self._in_parts(trunk, clips[:, view]) for view in views]
    # A sharded B stays where it is.
    pooled = self._in_parts(trunk, layers.fold(clips))
    pooled = layers.unfold(pooled, len(clips))
    return [pooled[:, view] for view in views]

  def _in_parts(self, trunk, clips, mask=None):
    """Microbatch by microbatch; `trunk`: (self, clips, mask) -> [B, P, C]."""
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
    # Neighbours go to different parts: a sharded B stays where it is.
    split = lambda x: x.reshape(-1, count, *x.shape[1:])
    _, pooled = scan(self, None, jax.tree.map(split, (clips, mask)))
    return layers.fold(pooled)


class BYOLNetwork(Network):
  """A network that has, where `projector_hidden` is above 0, BYOL's heads.

  They stand on its embedding: a projector, of which the target network has a
  slowly moving copy, and a predictor (arXiv:2006.07733). A subclass has the
  settings `projector_hidden` and `projector_dim`, a module `part_linear`, calls
  `super().setup()` and adds what `project` returns to its heads.
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

  def target_views(self, clips: jax.Array) -> jax.Array:
    """The target's projections: [B, V, T, H, W] -> [B, V, P, D].

    With batch statistics, as in BYOL (arXiv:2006.07733).
    """
    trunk = lambda network, clips, _: network.target_pool(clips)
    pooled = self._over_views(trunk, clips)
    project = lambda parts: self.projector(self.part_linear(parts), True)
    return jnp.stack([project(parts) for parts in pooled], 1)

  def target_pool(self, clips: jax.Array) -> jax.Array:
    """The target's trunk: clips [B, T, H, W] -> float32 [B, P, C]."""
    return self.pool(clips, None, True)
