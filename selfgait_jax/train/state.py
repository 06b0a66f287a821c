"""The training state: all that a training step changes."""

from collections.abc import Sequence

import flax.struct
import jax
import jax.numpy as jnp

from selfgait_jax.train.optimizer import Optimizer


@flax.struct.dataclass
class TrainState:
  """The state after `step` updates.

  Attributes:
    step: int32 scalar.
    params: {module: float32 tensors} of the online network, which is the only
      network of a supervised stage.
    batch_stats: {module: running statistics} of the online network.
    target_params: moving averages of `params`; {} without a target network.
    target_batch_stats: running statistics of the target network's own forward
      passes, not moving averages of `batch_stats`.
    opt_state: {module: state of the optimizer}.
  """

  step: jax.Array
  params: dict
  batch_stats: dict
  target_params: dict
  target_batch_stats: dict
  opt_state: dict


def create_state(
  variables: dict, optimizer: Optimizer, target_modules: Sequence[str] = ()
) -> TrainState:
  """The state before the first step.

  Args:
    variables: `params` and `batch_stats` of the network.
    optimizer: see optimizer.py.
    target_modules: top-level modules of the target network, which starts as a
      copy of the online network.
  """
  params, stats = dict(variables['params']), dict(variables['batch_stats'])
  pick = lambda tree: {n: tree[n] for n in target_modules if n in tree}
  # Copied, because the step donates its input and no buffer may occur twice.
  copy = lambda tree: jax.tree.map(jnp.copy, tree)
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    batch_stats=stats,
    target_params=copy(pick(params)),
    target_batch_stats=copy(pick(stats)),
    opt_state=optimizer.init(params),
  )
