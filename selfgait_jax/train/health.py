"""Is training alive: collapse in numbers and in words, NaN as an error."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from selfgait_jax import errors, losses

# A randomly initialised silhouette encoder is no yardstick of 1: its outputs
# are all alike (a spread of 0.08 was seen), so the start of a run is the norm.
# A label-free run that collapsed went to 0.4 of its first spread and 0.25 of
# its first rank within 60 steps.
SPREAD_SHARE = 0.5
RANK_SHARE = 1 / 3
RANK_FLOOR = 2.0  # all parts along one line, however far they spread
SPREAD_FLOOR = 0.02  # whatever it was at the start
# Of the triplets: above, hardly anything is learned yet; below, nothing more.
ALL_ACTIVE = 0.95
FEW_ACTIVE = 0.005
DISTANCE_SHARE = 0.5


def signals(outputs: jax.Array) -> dict[str, jax.Array]:
  """How different the samples of a batch are, after normalising each part.

  Args:
    outputs: [B, P, D].

  Returns:
    Scalars, means over parts: `spread`, the standard deviation over samples
    times sqrt(D), 1 for directions that are spread evenly and 0 after
    collapse; `spread_lowest`, of the worst part; `effective_rank`, exp of the
    entropy of the covariance's eigenvalues as shares (Roy and Vetterli, 2007),
    at most min(B - 1, D); `mean_cosine`, between different samples.
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
  """What is wrong with a run, or None.

  Args:
    values: `signals` now and, of a triplet step, its metrics `active_share`
      and `mean_distance`.
    start: the same at the beginning of the stage.
  """
  supervised = 'active_share' in values
  found = [_collapse(values, start, supervised)]
  if supervised:
    found.append(_triplets(values, start))
  return '; '.join(words for words in found if words) or None


def check_finite(
  values: dict[str, float], step: int, describe_latest: Callable[[], str]
) -> None:
  """Raises UserError where one of `values` is NaN or infinite.

  `describe_latest` is asked for the last good checkpoint, which may still be
  on its way to the disk, and only then.
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
  """[P] of centred samples [P, B, D], by the smaller Gram matrix."""
  samples, features = centred.shape[1:]
  axes = 'pad,pbd->pab' if samples < features else 'pba,pbd->pad'
  gram = jnp.einsum(axes, centred, centred, precision='highest')
  eigenvalues = jnp.maximum(jnp.linalg.eigvalsh(gram), 0)
  total = jnp.sum(eigenvalues, axis=1, keepdims=True)
  # Below this there is only rounding left, which would seem to have full rank.
  alive = total > 1e-10 * samples
  share = jnp.where(alive, eigenvalues / jnp.where(alive, total, 1), 0)
  # `entr` is 0 at 0: after collapse the rank is 1.
  return jnp.exp(jnp.sum(jax.scipy.special.entr(share), axis=1))


def _collapse(values, start, supervised):
  spread, rank = values['spread'], values['effective_rank']
  if spread < max(SPREAD_FLOOR, SPREAD_SHARE * start['spread']):
    return (
      f'the outputs of different samples grow alike (spread {spread:.3f}, '
      f'{start["spread"]:.3f} at the start, about 1 when healthy): collapse'
    )
  # With labels the batch tends to as many directions as it has subjects.
  # A rank that falls while the outputs spread is learning: a contrastive run on
  # real CASIA-B went from 12 to 5 directions as its rank-1 rose.
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
