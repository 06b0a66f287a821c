"""Optimisers, schedules and the moving average of the target network."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import optax
from flax import traverse_util

from selfgait_jax import errors


class Optimizer(NamedTuple):
  """Updates top-level modules one by one, each with a state of its own.

  A module that the current loss does not reach is simply not in `grads`: it is
  neither moved nor decayed, and its momentum rests (what PyTorch does with
  tensors whose gradient is None).
  """

  init: Callable  # params -> {module: state}
  update: Callable  # (grads, opt_state, params, step) -> (params, opt_state)
  learning_rate: Callable  # step -> scalar


def make_optimizer(stage: ml_collections.ConfigDict) -> Optimizer:
  """SGD or Adam with coupled weight decay, as in PyTorch.

  The defaults of `configs/default.py` are those of EchoItLiu/SelfGait.
  """
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
  """Gradients of one module -> update directions; `name` is sgd or adam."""
  directions = {
    'sgd': lambda: optax.trace(momentum),
    'adam': optax.scale_by_adam,
  }
  # The decay goes in before the momentum, so that both see it (coupled).
  return optax.chain(
    optax.add_decayed_weights(weight_decay, decay_mask), directions[name]()
  )


def make_schedule(stage: ml_collections.ConfigDict) -> Callable:
  """step -> learning rate, after a linear warm-up if there is one."""
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
  """What each tensor's learning rate is multiplied by, in the form of `params`.

  `stage.rate_factors` lists 'path=factor' with commas between; a path stands
  for all below it and the longest one counts.

  Raises:
    UserError: an entry is no such pair, or nothing stands under its path.
  """
  factors = {}
  for entry in filter(None, stage.rate_factors.split(',')):
    path, _, factor = entry.partition('=')
    try:
      factors[tuple(path.strip().split('/'))] = float(factor)
    except ValueError:
      raise errors.UserError(
        f"expected rate_factors like 'encoder/stem=0,neck=10', found {entry!r};"
        ' change the stage’s rate_factors'
      ) from None
  flat = traverse_util.flatten_dict(params)
  for path in factors:
    if not any(key[: len(path)] == path for key in flat):
      raise errors.UserError(
        f'expected parameters under {"/".join(path)!r} of rate_factors, found '
        f'{", ".join(sorted(params))}; change the stage’s rate_factors'
      )
  longest_first = sorted(factors.items(), key=lambda item: -len(item[0]))

  def factor_of(key):
    under = (f for path, f in longest_first if key[: len(path)] == path)
    return next(under, 1.0)

  return traverse_util.unflatten_dict({key: factor_of(key) for key in flat})


def target_momentum(stage: ml_collections.ConfigDict, step) -> jax.Array:
  """EMA rate after `step` updates: constant, or rising to 1 along a cosine.

  The cosine is BYOL's (arXiv:2006.07733); the constant is SelfGait's.
  """
  start = stage.target_momentum
  if stage.target_schedule == 'constant':
    return jnp.float32(start)
  progress = jnp.float32(step) / stage.steps
  return 1 - (1 - start) * (jnp.cos(jnp.pi * progress) + 1) / 2
