"""Losses on embeddings [B, P, D]: arrays in, a scalar (and metrics) out.

Everything is computed in float32, part by part, over the global batch.
"""

import jax
import jax.numpy as jnp

from selfgait_jax.models import layers

Array = jax.Array
Metrics = dict[str, Array]


def byol_loss(
  prediction: Array, target: Array, over_parts: bool = False
) -> Array:
  """Mean of 1 - cos between predictions and targets (BYOL, arXiv 2006.07733).

  One direction of the symmetric loss: callers add the two.

  Args:
    prediction: [B, P, D], of the online branch.
    target: [B, P, D], of the target branch; receives no gradient.
    over_parts: similarity along P for each feature, as the SelfGait release
      computes it, in place of along D for each part.
  """
  # The target branch follows by averaging weights, never by gradient.
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
) -> tuple[Array, Metrics]:
  """Per-part contrastive loss over the batch (InfoNCE, arXiv 1807.03748).

  Row b of `key` is the positive of row b of `query`, every other row a
  negative; the mean is over rows and parts, as in GaitSSB (OpenGait).

  Args:
    query: [B, P, D], of the online branch.
    key: [B, P, D]; receives no gradient.
    temperature: divides the cosines.
    label_smoothing: in [0, 1); GaitSSB's is 0.1.

  Returns:
    The loss and `accuracy`, the share of queries nearest to their own key.
  """
  key = jax.lax.stop_gradient(key)
  logits = jnp.einsum(
    'bpd,kpd->bpk', normalise(query), normalise(key), precision='highest'
  )  # [B, P, B]
  return cross_entropy_loss(
    logits, jnp.arange(len(query)), 1 / temperature, label_smoothing
  )


def cross_entropy_loss(
  logits: Array,
  labels: Array,
  scale: float = 16.0,
  label_smoothing: float = 0.1,
) -> tuple[Array, Metrics]:
  """Softmax cross-entropy of every part, mean over samples and parts.

  As in OpenGait: the smoothed target is 1 - `label_smoothing` of the label
  and `label_smoothing` of the uniform distribution.

  Args:
    logits: [B, P, K], multiplied by `scale` first.
    labels: int [B], below K.
    scale: 16 for cosine logits.
    label_smoothing: in [0, 1).

  Returns:
    The loss and `accuracy`, the share of right parts.
  """
  log_probabilities = jax.nn.log_softmax(scale * logits.astype(jnp.float32))
  rows = labels[:, None, None]  # [B, 1, 1]
  of_label = jnp.take_along_axis(log_probabilities, rows, axis=2)
  loss = -(1 - label_smoothing) * jnp.mean(
    of_label
  ) - label_smoothing * jnp.mean(log_probabilities)
  hits = jnp.argmax(logits, axis=2) == labels[:, None]
  return loss, {'accuracy': jnp.mean(hits)}


def triplet_loss(
  embeddings: Array,
  labels: Array,
  margin: float = 0.2,
  mode: str = 'all',
  most: int | None = None,
) -> tuple[Array, Metrics]:
  """Batch-all or batch-hard triplet loss on Euclidean distances.

  As in GaitSet, SelfGait and OpenGait, for each part by itself: an anchor is
  among its own positives; 'all' divides the sum of the hinges by the number of
  those above zero (0 if none), 'hard' is the mean over anchors of the farthest
  positive against the nearest negative. Identities may have unequal numbers
  of samples. Temporaries grow with P * B * B, not with the triplets; time with
  that times the samples of the largest identity.

  Args:
    embeddings: [B, P, D].
    labels: int [B].
    margin: in the unit of the distance.
    mode: 'all' or 'hard'.
    most: no identity has more samples than this; of one that has, the others
      would not count as positives, without a word, and loss and metrics would
      be wrong. None: counted, for which a GPU asks its host in the middle of
      the step.

  Returns:
    The mean over parts, and means over parts of: `active_triplets` (number of
    hinges above zero), `active_share` (of all triplets), `mean_distance` (over
    all pairs) and `hardest` (the largest hinge of a part).
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

  From the Multi-view-Consistency-loss extension of OpenGait; `gamma` 0 is
  `triplet_loss`, and arguments and results are as there.
  """
  distance = _distances(embeddings)
  score = distance ** (1 + gamma)
  return _hinges(score, distance, labels, margin, 'all', most)


def normalise(x: Array, axis: int = -1) -> Array:
  """float32 `x` at length 1 along `axis`; zero stays zero, slopes finite."""
  return layers.unit_length(x.astype(jnp.float32), axis)


def _hinges(score, distance, labels, margin, mode, most):
  """Triplet hinges of [P, B, B] scores, anchors along the second axis."""
  positive = labels[:, None] == labels[None, :]  # [B, B], with the diagonal
  farthest = jnp.max(jnp.where(positive, score, -jnp.inf), axis=2)
  nearest = jnp.min(jnp.where(positive, jnp.inf, score), axis=2)
  hardest = jax.nn.relu(margin + farthest - nearest)  # [P, B]

  shifted = score + margin * positive
  weights = _active_weights(jax.lax.stop_gradient(shifted), positive, most)
  # All anchors of a pod together may have more than an int32 can count.
  active = jnp.sum(jnp.maximum(weights, 0), axis=2).astype(jnp.float32)
  active = jnp.sum(active, axis=1)  # [P]
  if mode == 'all':
    # Which hinges are active is piecewise constant, so their sum is linear in
    # the scores and these weights are its gradient. An anchor's weights add
    # up to 0: taking off its mean changes nothing but the rounding.
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
  """How often each pair stands in an active triplet, negatives counted below 0.

  A triplet is active where the shifted score of its positive pair exceeds that
  of its negative pair. A pass compares one positive of every anchor with all of
  its negatives, so that there are as many passes as the largest identity has
  samples: few, and no more of them in a larger batch. Nothing is added up
  between anchors, whose rows may lie on several devices.

  Args:
    shifted: float32 [P, B, B], margin added to the positive pairs.
    positive: bool [B, B].
    most: in a row of `positive`, if known.

  Returns:
    int32 [P, B, B].
  """
  samples = jnp.arange(len(positive))

  def add(_, carry):
    weights, left = carry
    some = jnp.any(left, axis=1, keepdims=True)
    column = jnp.argmax(left, axis=1, keepdims=True)  # of the next positive
    chosen = left & (samples == column)  # [B, B], one of a row or none
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
  # Distances do not see a common offset, but the difference of squares below
  # loses digits to it, above all when the embeddings lie close together.
  x = x - jax.lax.stop_gradient(jnp.mean(x, axis=1, keepdims=True))
  squares = jnp.sum(x * x, axis=2)
  products = jnp.einsum('pad,pbd->pab', x, x, precision='highest')
  squared = squares[:, :, None] + squares[:, None, :] - 2 * products
  return _safe_sqrt(squared)


def _safe_sqrt(x):
  """Square root above zero, 0 elsewhere with gradient 0 as in PyTorch.

  The inner `where` keeps the infinite slope at 0 out of the gradient.
  """
  above = x > 0
  return jnp.where(above, jnp.sqrt(jnp.where(above, x, 1.0)), 0.0)
