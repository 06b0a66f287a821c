"""Everything that a training step changes."""

import flax.struct
import jax
import jax.numpy as jnp


@flax.struct.dataclass
class TrainState:
  """State after `step` updates.

  Attributes:
    step: int32 scalar.
    params: {module: float32 tensors} of the (online) network.
    batch_stats: its running statistics, by module.
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


def create_state(variables, optimizer, target_modules=()) -> TrainState:
  """The state before the first step; the target starts equal to the online.

  `target_modules` are the top-level modules that have a slowly moving copy.
  """
  params, stats = dict(variables['params']), dict(variables['batch_stats'])
  pick = lambda tree: {n: tree[n] for n in target_modules if n in tree}
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
