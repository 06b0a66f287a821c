"""Classifiers on frozen embeddings: kNN and a linear classifier.

Closed set: they train and are tested on sequences of the same subjects, for
example nm-01 to nm-04 against nm-05 and nm-06. Views are not kept apart.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from selfgait_jax import errors, protocols, retrieval
from selfgait_jax.data.sequences import SequenceSet


def top1(
  embeddings: np.ndarray, sequences: SequenceSet, protocol: str = 'casiab'
) -> dict[str, float]:
  """Top-1 of both classifiers, trained on the protocol's gallery conditions.

  Args:
    embeddings: [N, P, D], one a sequence.
    sequences: N, for their labels.
    protocol: its gallery conditions train, its probe groups test.

  Returns:
    In percent: `nm/frozen_linear` and `nm/frozen_knn` of each probe group, and
    `frozen_linear_train`, the linear classifier on its training sequences.

  Raises:
    UserError: there are no sequences to train on.
  """
  rules = protocols.find(protocol)
  train = np.isin(sequences.conditions, rules.gallery)
  if not train.any():
    raise errors.UserError(
      f'expected sequences with conditions {", ".join(rules.gallery)} to train '
      f'the frozen classifiers of {protocol} on, found none; '
      'switch config.eval.linear_probe off'
    )
  subjects = sequences.subjects
  linear = predict_linear(embeddings[train], subjects[train], embeddings)
  knn = predict_knn(embeddings[train], subjects[train], embeddings)
  share = lambda predicted, rows: (
    100 * float(np.mean(predicted[rows] == subjects[rows]))
  )
  found = {'frozen_linear_train': share(linear, train)}
  for group, conditions in rules.probes.items():
    rows = np.isin(sequences.conditions, conditions)
    if rows.any():
      found[f'{group}/frozen_linear'] = share(linear, rows)
      found[f'{group}/frozen_knn'] = share(knn, rows)
  return found


def predict_knn(
  train: np.ndarray,
  train_labels: np.ndarray,
  test: np.ndarray,
  k: int = 20,
  temperature: float = 0.07,
) -> np.ndarray:
  """Weighted vote of the k nearest by cosine (Wu et al., arXiv 1805.01978).

  Args:
    train: [N, P, D].
    train_labels: [N], of any type.
    test: [M, P, D].
    k: neighbours, at most N.
    temperature: a neighbour's weight is exp(cosine / temperature).

  Returns:
    Labels [M], of the type of `train_labels`.
  """
  names, classes = np.unique(train_labels, return_inverse=True)
  flat = lambda x: x.reshape(len(x), 1, -1)
  distance, index = retrieval.nearest(flat(test), flat(train), k, 'cosine')
  votes = np.zeros((len(test), len(names)))
  rows = np.arange(len(test))[:, None]
  np.add.at(votes, (rows, classes[index]), np.exp(-distance / temperature))
  return names[votes.argmax(axis=1)]


def predict_linear(
  train: np.ndarray,
  train_labels: np.ndarray,
  test: np.ndarray,
  steps: int = 300,
  learning_rate: float = 0.1,
  penalty: float = 1e-4,
) -> np.ndarray:
  """Multinomial logistic regression, full batch, from zero weights.

  Features are standardised by the training set. The loss is the mean
  cross-entropy plus `penalty` times the squared L2 norm of the kernel.

  Args:
    train: [N, P, D].
    train_labels: [N], of any type.
    test: [M, P, D].
    steps: of Adam, along which the learning rate falls to 0 by a cosine.
    learning_rate: at the start.
    penalty: see above.

  Returns:
    Labels [M], of the type of `train_labels`.
  """
  names, classes = np.unique(train_labels, return_inverse=True)
  flat = lambda x: np.asarray(x, np.float32).reshape(len(x), -1)
  train, test = flat(train), flat(test)
  mean, deviation = train.mean(axis=0), train.std(axis=0)
  # A feature that hardly varies in training must not explode in the test set.
  deviation = np.maximum(deviation, 1e-3 * deviation.mean() + 1e-12)
  # Unit length on average, so that one learning rate fits any number of
  # features.
  scale = 1 / (deviation * np.sqrt(train.shape[1]))
  train, test = (train - mean) * scale, (test - mean) * scale
  weights = _fit(
    jnp.asarray(train),
    jnp.asarray(classes),
    optax.adam(optax.cosine_decay_schedule(learning_rate, steps)),
    penalty,
    len(names),
    steps,
  )
  logits = test @ np.asarray(weights['kernel']) + np.asarray(weights['bias'])
  return names[logits.argmax(axis=1)]


def _fit(x, classes, optimizer, penalty, count, steps):
  def loss(weights):
    logits = x @ weights['kernel'] + weights['bias'][None]
    entropy = optax.softmax_cross_entropy_with_integer_labels(logits, classes)
    return entropy.mean() + penalty * jnp.sum(weights['kernel'] ** 2)

  @jax.jit
  def run(weights):
    def step(carry, _):
      weights, memory = carry
      updates, memory = optimizer.update(
        jax.grad(loss)(weights), memory, weights
      )
      return (optax.apply_updates(weights, updates), memory), None

    start = weights, optimizer.init(weights)
    return jax.lax.scan(step, start, length=steps)[0][0]

  return run(
    {'kernel': jnp.zeros((x.shape[1], count)), 'bias': jnp.zeros(count)}
  )
