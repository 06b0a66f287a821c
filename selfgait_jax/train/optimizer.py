"""Optimizers, learning rates and the momentum of the target network."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import optax
from flax import traverse_util

from selfgait_jax import errors


class Optimizer(NamedTuple):
  """Updates each top-level module by itself, with its own optimizer state.

  A module that the loss of a step does not depend on is missing from `grads`.
  Its parameters and its state stay as they are, without weight decay, like a
  PyTorch tensor whose gradient is None.
  """

  init: Callable  # params -> {module: state}
  update: Callable  # (grads, opt_state, params, step) -> (params, opt_state)
  learning_rate: Callable  # step -> scalar


def make_optimizer(stage: ml_collections.ConfigDict) -> Optimizer:
  """SGD or Adam with PyTorch's weight decay, for a stage of the config."""
  schedule = make_schedule(stage)
  matrices_only = lambda params: jax.tree.map(lambda p: p.ndim > 1, params)
  transform = make_transform(
    stage.optimizer,
    stage.momentum,
    stage.weight_decay,
    None if stage.decay_vectors else matrices_only,
  )

  def init(params):
    return {name: transform.init(module) for name, module in params.items()}

  def update(grads, opt_state, params, step):
    if stage.clip_norm:
      clip = optax.clip_by_global_norm(stage.clip_norm)
      grads, _ = clip.update(grads, clip.init(grads))
    params, opt_state = dict(params), dict(opt_state)
    rate, factors = schedule(step), rate_factors(stage, params)
    for name, grad in grads.items():
      direction, opt_state[name] = transform.update(
        grad, opt_state[name], params[name]
      )
      descent = jax.tree.map(
        lambda d, f: -rate * f * d, direction, factors[name]
      )
      params[name] = optax.apply_updates(params[name], descent)
    return params, opt_state

  return Optimizer(init, update, schedule)


def make_transform(
  name: str,
  momentum: float = 0.9,
  weight_decay: float = 0.0,
  decay_mask: Callable | None = None,
) -> optax.GradientTransformation:
  """Turns gradients into directions, which the learning rate still scales.

  Args:
    name: 'sgd' or 'adam'.
    momentum: of SGD.
    weight_decay: added to the gradient before the momentum, as in PyTorch.
    decay_mask: params -> booleans, a tree like `params`; None: decay all.
  """
  directions = {
    'sgd': lambda: optax.trace(momentum),
    'adam': optax.scale_by_adam,
  }
  return optax.chain(
    optax.add_decayed_weights(weight_decay, decay_mask), directions[name]()
  )


def make_schedule(stage: ml_collections.ConfigDict) -> Callable:
  """step -> learning rate: a linear warm-up, then the stage's schedule."""
  peak, warmup = stage.learning_rate, stage.warmup_steps
  rest = max(stage.steps - warmup, 1)
  if stage.schedule == 'constant':
    main = optax.constant_schedule(peak)
  elif stage.schedule == 'cosine':
    main = optax.cosine_decay_schedule(peak, rest)
  else:
    falls = {int(m) - warmup: 0.1 for m in stage.milestones}
    main = optax.piecewise_constant_schedule(peak, falls)
  if not warmup:
    return main
  rise = optax.linear_schedule(0.0, peak, warmup)
  return optax.join_schedules([rise, main], [warmup])


def rate_factors(stage: ml_collections.ConfigDict, params: dict) -> dict:
  """Learning-rate multipliers, a tree like `params`.

  Raises:
    UserError: `stage.rate_factors` cannot be parsed, or names no parameters.
  """
  factors = parse_rate_factors(stage.rate_factors)
  flat = traverse_util.flatten_dict(params)
  for path in factors:
    if not any(key[: len(path)] == path for key in flat):
      raise errors.UserError(
        f'expected parameters under {"/".join(path)!r} of rate_factors, found '
        f'{", ".join(sorted(params))}; change the stage’s rate_factors'
      )
  longest_first = sorted(factors.items(), key=lambda item: -len(item[0]))

  def factor_of(key):
    matches = (f for path, f in longest_first if key[: len(path)] == path)
    return next(matches, 1.0)

  return traverse_util.unflatten_dict({key: factor_of(key) for key in flat})


def parse_rate_factors(text: str) -> dict[tuple[str, ...], float]:
  """Parses 'path=factor' pairs with commas between: {path: factor}.

  A path applies to all parameters below it; the longest match counts.

  Raises:
    UserError: an entry is not a path and a number of at least 0.
  """
  factors = {}
  for entry in filter(None, text.split(',')):
    path, _, factor = entry.partition('=')
    try:
      number = float(factor)
    except ValueError:
      number = math.nan
    if not 0 <= number < math.inf:
      raise errors.UserError(
        f"expected rate_factors like 'encoder/stem=0,neck=10', found {entry!r};"
        ' change the stage’s rate_factors'
      )
    factors[tuple(path.strip().split('/'))] = number
  return factors


def target_momentum(
  stage: ml_collections.ConfigDict, step: int | jax.Array
) -> jax.Array:
  """Momentum of the target network at update `step`, a float32 scalar.

  Constant (SelfGait) or rising to 1 along a cosine (BYOL, arXiv:2006.07733).
  """
  start = stage.target_momentum
  if stage.target_schedule == 'constant':
    return jnp.float32(start)
  progress = jnp.float32(step) / stage.steps
  return 1 - (1 - start) * (jnp.cos(jnp.pi * progress) + 1) / 2
