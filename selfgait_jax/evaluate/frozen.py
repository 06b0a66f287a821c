"""Classifiers on frozen embeddings: what they hold beyond plain retrieval.

Closed set: train and test are sequences of the same subjects, for example
nm-01 to nm-04 against nm-05 and nm-06. Views are not kept apart.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import optax

from selfgait_jax import errors, protocols, retrieval
from selfgait_jax.data.sequences import SequenceSet


def frozen(
  embeddings: np.ndarray, sequences: SequenceSet, protocol: str = 'casiab'
) -> Mapping[str, float]:
  """Both classifiers, trained on a protocol's gallery conditions.

  Args:
    embeddings: [N, P, D], one a sequence.
    sequences: N, for their labels.
    protocol: its gallery conditions train, its probe groups test.

  Returns:
    Top-1 in percent: `nm/knn` and `nm/linear` of each probe group, and
    `linear_train`, of the linear classifier on what it was trained on.
  """
  rules = protocols.find(protocol)
  train = np.isin(sequences.conditions, rules.gallery)
  if not train.any():
    raise errors.UserError(
      f'expected sequences with conditions {", ".join(rules.gallery)} to train '
      f'the frozen probes of {protocol} on, found none; '
      'switch config.eval.linear_probe off'
    )
  seen = embeddings[train], sequences.subjects[train]
  by_knn = predict_knn(*seen, embeddings)
  by_linear = predict_linear(*seen, embeddings)
  top1 = {'linear_train': _top1(by_linear[train], seen[1])}
  for group, conditions in rules.probes.items():
    rows = np.isin(sequences.conditions, conditions)
    if rows.any():
      top1[f'{group}/knn'] = _top1(by_knn[rows], sequences.subjects[rows])
      top1[f'{group}/linear'] = _top1(by_linear[rows], sequences.subjects[rows])
  return top1


def knn(train, train_labels, test, test_labels, k=20, temperature=0.07):
  """Top-1 of `predict_knn`, in percent."""
  found = predict_knn(train, train_labels, test, k, temperature)
  return _top1(found, test_labels)


def linear(train, train_labels, test, test_labels, **settings):
  """Top-1 of `predict_linear` on train and on test, in percent."""
  both = np.concatenate([train, test])
  found = predict_linear(train, train_labels, both, **settings)
  return (
    _top1(found[: len(train)], train_labels),
    _top1(found[len(train) :], test_labels),
  )


def predict_knn(
  train, train_labels, test, k: int = 20, temperature: float = 0.07
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
  train,
  train_labels,
  test,
  steps: int = 300,
  learning_rate: float = 0.1,
  penalty: float = 1e-4,
) -> np.ndarray:
  """Multinomial logistic regression, full batch, from zero weights.

  Features are standardised by the training set. `penalty` is half the weight
  of the squared L2 norm beside the mean cross-entropy.

  Returns:
    Labels [M], of the type of `train_labels`.
  """
  names, classes = np.unique(train_labels, return_inverse=True)
  flat = lambda x: np.asarray(x, np.float32).reshape(len(x), -1)
  train, test = flat(train), flat(test)
  mean, deviation = train.mean(axis=0), train.std(axis=0)
  # A feature that hardly moves in training must not explode in the test set.
  deviation = np.maximum(deviation, 1e-3 * deviation.mean() + 1e-12)
  # Unit length on average, whatever the number of features: one rate fits all.
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


def _top1(found, labels) -> float:
  return 100 * float(np.mean(found == np.asarray(labels)))
