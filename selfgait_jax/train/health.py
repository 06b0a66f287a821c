"""Detects collapse, stalled triplets and numbers that are not finite."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from selfgait_jax import errors, losses

# Below these shares of their values at the start, the outputs have collapsed.
# The start is the reference because even a randomly initialised encoder maps
# all silhouettes to similar outputs.
SPREAD_SHARE = 0.5
RANK_SHARE = 1 / 3
# Below these values they have collapsed, whatever the start was.
SPREAD_FLOOR = 0.02
RANK_FLOOR = 2.0
# The embeddings shrink if more than ALL_ACTIVE of the triplets are active while
# the mean distance is below DISTANCE_SHARE of its first value.
ALL_ACTIVE = 0.95
DISTANCE_SHARE = 0.5
FEW_ACTIVE = 0.005  # below this share, hardly any triplet teaches anything


def signals(outputs: jax.Array) -> dict[str, jax.Array]:
  """Measures how different the samples of a batch are.

  Args:
    outputs: [B, P, D]; the vector of each part is scaled to unit length.

  Returns:
    Scalars, which are means over the parts:
    - `spread`: the standard deviation over samples times sqrt(D); 1 if the
      directions are spread evenly, 0 after collapse.
    - `spread_lowest`: the spread of the worst part.
    - `effective_rank`: exp of the entropy of the covariance's normalised
      eigenvalues (Roy and Vetterli, 2007), at most min(B - 1, D).
    - `mean_cosine`: between different samples.
  """
  x = losses.normalise(outputs).transpose(1, 0, 2)  # [P, B, D]
  samples, features = x.shape[1:]
  centred = x - jnp.mean(x, axis=1, keepdims=True)
  deviation = jnp.sqrt(jnp.mean(centred**2, axis=1))  # [P, D]
  spread = jnp.mean(deviation, axis=1) * features**0.5
  lengths = jnp.sum(x * x, axis=(1, 2))
  together = jnp.sum(jnp.sum(x, axis=1) ** 2, axis=1)
  pairs = max(samples * (samples - 1), 1)
  return {
    'spread': jnp.mean(spread),
    'spread_lowest': jnp.min(spread),
    'effective_rank': jnp.mean(_effective_rank(centred)),
    'mean_cosine': jnp.mean((together - lengths) / pairs),
  }


def describe(values: dict[str, float], start: dict[str, float]) -> str | None:
  """Describes what is wrong with a run; None if nothing is.

  Args:
    values: the current `signals` and, after a triplet step, its metrics
      `active_share` and `mean_distance`.
    start: the same values at the first step of the stage.
  """
  supervised = 'active_share' in values
  found = [_collapse(values, start, supervised)]
  if supervised:
    found.append(_triplets(values, start))
  return '; '.join(words for words in found if words) or None


def check_finite(
  values: dict[str, float], step: int, describe_latest: Callable[[], str]
) -> None:
  """Raises UserError if one of `values` is NaN or infinite.

  Args:
    values: metrics of the step.
    step: number of the step.
    describe_latest: names the last good checkpoint. It is called only for the
      message, because it waits until the checkpoint is written.
  """
  bad = [f'{k} = {v}' for k, v in values.items() if not math.isfinite(v)]
  if bad:
    more = f' and {len(bad) - 3} more' if len(bad) > 3 else ''
    raise errors.UserError(
      f'expected finite numbers at step {step}, found {", ".join(bad[:3])}'
      f'{more}; lower learning_rate or set clip_norm of the stage (last good '
      f'checkpoint: {describe_latest()})'
    )


def _effective_rank(centred):
  """Centred samples [P, B, D] -> [P], from the smaller Gram matrix."""
  samples, features = centred.shape[1:]
  axes = 'pad,pbd->pab' if samples < features else 'pba,pbd->pad'
  gram = jnp.einsum(axes, centred, centred, precision='highest')
  eigenvalues = jnp.maximum(jnp.linalg.eigvalsh(gram), 0)
  total = jnp.sum(eigenvalues, axis=1, keepdims=True)
  # A smaller total is rounding noise, which would seem to have full rank.
  alive = total > 1e-10 * samples
  share = jnp.where(alive, eigenvalues / jnp.where(alive, total, 1), 0)
  # After collapse all shares are 0, where `entr` is 0, so the rank is 1.
  return jnp.exp(jnp.sum(jax.scipy.special.entr(share), axis=1))


def _collapse(values, start, supervised):
  spread, rank = values['spread'], values['effective_rank']
  if spread < max(SPREAD_FLOOR, SPREAD_SHARE * start['spread']):
    return (
      f'the outputs of different samples grow alike (spread {spread:.3f}, '
      f'{start["spread"]:.3f} at the start, about 1 when healthy): collapse'
    )
  # With labels, a low rank is normal: the batch tends to as many directions as
  # it has subjects. Without, so is a rank that falls while the spread grows:
  # contrastive training does that as rank-1 rises.
  alike = spread < start['spread']
  floor = RANK_SHARE * start['effective_rank'] if alike else RANK_FLOOR
  if not supervised and rank < floor:
    return (
      f'the outputs keep to few directions (effective rank {rank:.1f}, '
      f'{start["effective_rank"]:.1f} at the start): partial collapse'
    )
  return None


def _triplets(values, start):
  share, distance = values['active_share'], values['mean_distance']
  first = start.get('mean_distance', 0.0)
  if share > ALL_ACTIVE and distance < DISTANCE_SHARE * first:
    return (
      f'{share:.0%} of the triplets are active and the mean distance fell from '
      f'{first:.3g} to {distance:.3g}: the embeddings shrink to one point and '
      'the loss stands at the margin'
    )
  if share < FEW_ACTIVE:
    return (
      f'only {share:.2%} of the triplets are still active: these subjects are '
      'told apart, so more steps teach little'
    )
  return None
