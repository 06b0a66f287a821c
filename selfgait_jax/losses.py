"""Losses on embeddings [B, P, D]: arrays in, a scalar (and metrics) out.

All are computed in float32, separately for each part, over the global batch.
"""

import jax
import jax.numpy as jnp
import optax

from selfgait_jax.models import layers

Array = jax.Array
Metrics = dict[str, Array]


def byol_loss(
  prediction: Array, target: Array, over_parts: bool = False
) -> Array:
  """Mean of 1 - cos between predictions and targets (BYOL, arXiv 2006.07733).

  This is one direction of the symmetric loss; callers add both.

  Args:
    prediction: [B, P, D], of the online branch.
    target: [B, P, D], of the target branch; receives no gradient.
    over_parts: take the cosine over P for each feature, as the SelfGait release
      does, instead of over D for each part.
  """
  # The target branch is a moving average of weights and is not trained.
  target = jax.lax.stop_gradient(target)
  axis = 1 if over_parts else 2
  cosine = jnp.sum(
    normalise(prediction, axis) * normalise(target, axis), axis=axis
  )
  return jnp.mean(1 - cosine)


def infonce_loss(
  query: Array,
  key: Array,
  temperature: float = 1 / 16,
  label_smoothing: float = 0.0,
  allowed: Array | None = None,
  ignore_nearest: float = 0.0,
) -> tuple[Array, Metrics]:
  """Per-part contrastive loss over the batch (InfoNCE, arXiv 1807.03748).

  Row b of `key` is the positive of row b of `query`; the other rows, or those
  that `allowed` and `ignore_nearest` leave, are negatives. The loss is the mean
  over rows and parts, as in GaitSSB (OpenGait).

  Args:
    query: [B, P, D], of the online branch.
    key: [B, P, D]; receives no gradient.
    temperature: divides the cosines.
    label_smoothing: in [0, 1], spread over the positive and the negatives;
      GaitSSB's is 0.1.
    allowed: bool [B, B], True where the key of the column may be a negative of
      the query of the row; None for all. The positive always counts.
    ignore_nearest: share, in [0, 1), of each query's allowed negatives that do
      not count, rounded to a whole number: those of the largest cosine in the
      mean over parts, which are often walks of the same person.

  Returns:
    The loss, and `accuracy`: the share of queries whose nearest key, among
    those that count, is theirs.
  """
  key = jax.lax.stop_gradient(key)
  logits = jnp.einsum(
    'bpd,kpd->bpk', normalise(query), normalise(key), precision='highest'
  )  # [B, P, B]
  among = _counting_keys(logits, allowed, ignore_nearest)
  return cross_entropy_loss(
    logits, jnp.arange(len(query)), 1 / temperature, label_smoothing, among
  )


def _counting_keys(cosine, allowed, ignore_nearest):
  """The keys that count for each query, bool [B, B]; None for all of them."""
  if allowed is None and not ignore_nearest:
    return None
  positive = jnp.eye(len(cosine), dtype=bool)
  negative = ~positive if allowed is None else allowed & ~positive
  if ignore_nearest:
    near = jnp.mean(jax.lax.stop_gradient(cosine), axis=1)
    order = jnp.argsort(jnp.where(negative, -near, jnp.inf), axis=1)
    rank = jnp.argsort(order, axis=1)  # 0 for the nearest negative
    count = jnp.sum(negative, axis=1, keepdims=True)
    negative &= rank >= jnp.round(ignore_nearest * count)
  return positive | negative


def cross_entropy_loss(
  logits: Array,
  labels: Array,
  scale: float = 16.0,
  label_smoothing: float = 0.1,
  among: Array | None = None,
) -> tuple[Array, Metrics]:
  """Softmax cross-entropy of each part, mean over samples and parts.

  As in OpenGait, the target is a mixture of the label, with weight
  1 - `label_smoothing`, and of the uniform distribution over the classes.

  Args:
    logits: [B, P, K], multiplied by `scale` first.
    labels: int [B], below K.
    scale: 16 for cosine logits.
    label_smoothing: in [0, 1].
    among: bool [B, K], the classes that each sample has, its label one of them;
      None for all.

  Returns:
    The loss, and `accuracy`: the share of parts classified correctly.
  """
  one_hot = jax.nn.one_hot(labels, logits.shape[2], dtype=jnp.float32)
  if among is None:
    where = None
    target = optax.losses.smooth_labels(one_hot, label_smoothing)
  else:
    where = among[:, None]  # [B, 1, K]
    uniform = among / jnp.sum(among, axis=1, keepdims=True)
    target = (1 - label_smoothing) * one_hot + label_smoothing * uniform
    logits = jnp.where(where, logits, -jnp.inf)
  scaled = scale * logits.astype(jnp.float32)
  loss = optax.losses.softmax_cross_entropy(
    scaled, target[:, None], where=where
  )  # [B, P]
  hits = jnp.argmax(logits, axis=2) == labels[:, None]
  return jnp.mean(loss), {'accuracy': jnp.mean(hits)}


def triplet_loss(
  embeddings: Array,
  labels: Array,
  margin: float = 0.2,
  mode: str = 'all',
  most: int | None = None,
) -> tuple[Array, Metrics]:
  """Batch-all or batch-hard triplet loss on Euclidean distances.

  As in GaitSet, SelfGait and OpenGait, each part has its own triplets, and an
  anchor counts as one of its own positives. With 'all' the loss is the sum of
  the hinges divided by the number of active hinges (those above zero; the loss
  is 0 if there are none). With 'hard' it is the mean over anchors of the hinge
  of the farthest positive and the nearest negative. Identities may have
  different numbers of samples. Memory grows with P * B * B, and time with
  P * B * B times the samples of the largest identity.

  Args:
    embeddings: [B, P, D].
    labels: int [B].
    margin: in the unit of the distance.
    mode: 'all' or 'hard'.
    most: upper bound of the samples of one identity. It is not checked: with a
      larger identity the loss and metrics are silently wrong. None counts them,
      which makes a GPU wait for its host in every step.

  Returns:
    The mean over parts, and means over parts of: `active_triplets` (number of
    active hinges), `active_share` (their share of all triplets),
    `mean_distance` (over all pairs) and `hardest` (the largest hinge).

  Raises:
    ValueError: `mode` is neither 'all' nor 'hard'.
  """
  distance = _distances(embeddings)
  return _hinges(distance, distance, labels, margin, mode, most)


def multi_view_consistency_loss(
  embeddings: Array,
  labels: Array,
  margin: float = 0.6,
  gamma: float = 0.6,
  most: int | None = None,
) -> tuple[Array, Metrics]:
  """Batch-all triplet loss on distances raised to the power 1 + gamma.

  From the Multi-view-Consistency-loss extension of OpenGait. `gamma` 0 gives
  `triplet_loss`, which also describes the other arguments and the results.
  """
  distance = _distances(embeddings)
  score = distance ** (1 + gamma)
  return _hinges(score, distance, labels, margin, 'all', most)


def normalise(x: Array, axis: int = -1) -> Array:
  """`x` in float32, scaled to length 1 along `axis`; zeros stay zero."""
  return layers.unit_length(x.astype(jnp.float32), axis)


def _hinges(score, distance, labels, margin, mode, most):
  """Loss and metrics of scores [P, B, B], whose second axis is the anchors."""
  positive = labels[:, None] == labels[None, :]  # [B, B], includes itself
  farthest = jnp.max(jnp.where(positive, score, -jnp.inf), axis=2)
  nearest = jnp.min(jnp.where(positive, jnp.inf, score), axis=2)
  hardest = jax.nn.relu(margin + farthest - nearest)  # [P, B]

  shifted = score + margin * positive
  weights = _active_weights(jax.lax.stop_gradient(shifted), positive, most)
  # float32, because a large batch may have more triplets than int32 can count.
  active = jnp.sum(jnp.maximum(weights, 0), axis=2).astype(jnp.float32)
  active = jnp.sum(active, axis=1)  # [P]
  if mode == 'all':
    # While the same hinges are active, their sum is linear in the scores, with
    # these weights. The weights of an anchor add up to 0, so subtracting its
    # mean score only reduces the rounding error.
    centre = jax.lax.stop_gradient(jnp.mean(shifted, axis=2, keepdims=True))
    total = jnp.sum(weights * (shifted - centre), axis=(1, 2))
    loss = total / jnp.maximum(active, 1)
  elif mode == 'hard':
    loss = jnp.mean(hardest, axis=1)
  else:
    raise ValueError(f"expected mode 'all' or 'hard', found {mode!r}")

  same = jnp.sum(positive, axis=1)
  possible = jnp.sum((same * (len(labels) - same)).astype(jnp.float32))
  metrics = {
    'active_triplets': jnp.mean(active),
    'active_share': jnp.mean(active / jnp.maximum(possible, 1)),
    'mean_distance': jnp.mean(distance),
    'hardest': jnp.mean(jnp.max(hardest, axis=1)),
  }
  return jnp.mean(loss), jax.lax.stop_gradient(metrics)


def _active_weights(shifted, positive, most):
  """Number of active triplets that contain each pair; negative for negatives.

  A triplet is active where the shifted score of its positive pair exceeds the
  score of its negative pair. Each pass compares one positive of every anchor
  with all its negatives, so there are as many passes as the largest identity
  has samples, in a batch of any size. Nothing is summed over anchors, whose
  rows may be on different devices.

  Args:
    shifted: float32 [P, B, B], scores plus the margin for positive pairs.
    positive: bool [B, B].
    most: upper bound of the positives in a row; None to count them.

  Returns:
    int32 [P, B, B].
  """
  samples = jnp.arange(len(positive))

  def add(_, carry):
    weights, left = carry
    some = jnp.any(left, axis=1, keepdims=True)
    column = jnp.argmax(left, axis=1, keepdims=True)  # of the next positive
    chosen = left & (samples == column)  # [B, B], at most one in each row
    score = jnp.take_along_axis(shifted, column[None], axis=2)  # [P, B, 1]
    nearer = some & ~positive & (shifted < score)
    count = jnp.sum(nearer, axis=2, keepdims=True, dtype=jnp.int32)
    return weights + chosen * count - nearer, left & ~chosen

  start = jnp.zeros(shifted.shape, jnp.int32), positive
  passes = most or jnp.max(jnp.sum(positive, axis=1))
  return jax.lax.fori_loop(0, passes, add, start)[0]


def _distances(embeddings):
  """Euclidean distances [P, B, B] between the samples of each part."""
  x = embeddings.astype(jnp.float32).transpose(1, 0, 2)  # [P, B, D]
  # A common offset does not change distances, but the difference of squares
  # below loses digits to it when the embeddings lie close together.
  x = x - jax.lax.stop_gradient(jnp.mean(x, axis=1, keepdims=True))
  squares = jnp.sum(x * x, axis=2)
  products = jnp.einsum('pad,pbd->pab', x, x, precision='highest')
  squared = squares[:, :, None] + squares[:, None, :] - 2 * products
  return _safe_sqrt(squared)


def _safe_sqrt(x):
  """The square root; 0 with gradient 0 where x <= 0, as in PyTorch."""
  # The inner `where` keeps the infinite slope of the root at 0 out of the
  # gradient.
  above = x > 0
  return jnp.where(above, jnp.sqrt(jnp.where(above, x, 1.0)), 0.0)
