"""Everything that a training step changes."""

import functools

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


def init_variables(model, key, crop_width: int) -> dict:
  """Random `params` and `batch_stats` of a model."""
  return _compiled_init(model, crop_width)(key)


def variable_shapes(model, crop_width: int) -> dict:
  """Shapes and types of what `init_variables` returns."""
  return jax.eval_shape(_init(model, crop_width), jax.random.key(0))


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


@functools.cache
def _compiled_init(model, crop_width):
  # Unoptimised: XLA would think for 8 s about two dozen draws.
  options = {'xla_backend_optimization_level': 0}
  return jax.jit(_init(model, crop_width), compiler_options=options)


def _init(model, crop_width):
  def init(key):
    found = model.init(key, jnp.zeros((1, 1, 64, crop_width)))
    # Some networks have no normalisation.
    return {name: found.get(name, {}) for name in ('params', 'batch_stats')}

  return init
