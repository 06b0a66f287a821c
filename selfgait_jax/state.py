"""Everything that a training step changes."""

import functools

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
  return _compiled_init(model, crop_width)(key)


def variable_shapes(model, crop_width: int) -> dict:
  """Shapes and types of what `init_variables` returns."""
  return jax.eval_shape(_init(model, crop_width), jax.random.key(0))


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


@functools.cache
def _compiled_init(model, crop_width):
  # Unoptimised: XLA would think for 8 s about two dozen draws.
  options = {'xla_backend_optimization_level': 0}
  return jax.jit(_init(model, crop_width), compiler_options=options)


def _init(model, crop_width):
  return lambda key: model.init(key, jnp.zeros((1, 1, 64, crop_width)))
