"""Everything that a training step changes."""

import flax.struct
import jax
import jax.numpy as jnp

from selfgait_jax.models import selfgait


@flax.struct.dataclass
class TrainState:
  """State after `step` updates.

  Attributes:
    step: int32 scalar.
    params: {module: float32 tensors} of the online network.
    batch_stats: running statistics of the online heads.
    target_params: the slowly moving copies; {} in a supervised stage.
    target_batch_stats: from the target's own forward passes, never averaged.
    opt_state: {module: optimiser state}.
  """

  step: jax.Array
  params: dict
  batch_stats: dict
  target_params: dict
  target_batch_stats: dict
  opt_state: dict


def init_variables(model, key, crop_width: int) -> dict:
  """Random `params` and `batch_stats` of a model."""
  clips = jnp.zeros((1, 1, 64, crop_width))
  return jax.jit(model.init)(key, clips)


def create_state(variables, optimizer, with_target: bool) -> TrainState:
  """The state before the first step; the target starts equal to the online."""
  params, stats = dict(variables['params']), dict(variables['batch_stats'])
  names = selfgait.TARGET_MODULES if with_target else ()
  pick = lambda tree: {name: tree[name] for name in names if name in tree}
  # A copy: the step donates its input, and no buffer may be donated twice.
  copy = lambda tree: jax.tree.map(jnp.copy, tree)
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    batch_stats=stats,
    target_params=copy(pick(params)),
    target_batch_stats=copy(pick(stats)),
    opt_state=optimizer.init(params),
  )
