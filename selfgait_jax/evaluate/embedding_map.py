"""Embeddings on a plane: principal components and t-SNE."""

import numpy as np

from selfgait_jax.data.sequences import SequenceSet

POINTS = 600  # at most
PEOPLE = 10  # at most: more colours cannot be told apart
COMPONENTS = 50  # of the embeddings, which t-SNE sees
ITERATIONS = 500
_PERPLEXITY = 30


def draw(
  embeddings: np.ndarray, sequences: SequenceSet, seed: int
) -> dict[str, np.ndarray]:
  """Places sequences of a few people on a plane, in two ways.

  Args:
    embeddings: [N, P, D].
    sequences: N, for their labels.
    seed: of the draw and of t-SNE.

  Returns:
    `pca` and `tsne` [n, 2]; `subjects`, `conditions` and `views`, str [n];
    `variance` [2], the shares of the two components in percent; {} with fewer
    than ten sequences.
  """
  from sklearn import decomposition, manifold

  rng = np.random.default_rng(seed)
  people = rng.permutation(np.unique(sequences.subjects))[:PEOPLE]
  rows = np.flatnonzero(np.isin(sequences.subjects, people))
  rows = np.sort(rng.permutation(rows)[:POINTS])
  flat = embeddings[rows].reshape(len(rows), -1)
  if len(rows) < 10 or flat.shape[1] < 2 or np.ptp(flat) == 0:
    return {}
  size = min(COMPONENTS, len(rows) - 1, flat.shape[1])
  pca = decomposition.PCA(size, svd_solver='randomized', random_state=seed)
  components = pca.fit_transform(flat)
  tsne = manifold.TSNE(
    perplexity=min(_PERPLEXITY, (len(rows) - 1) / 3),
    max_iter=ITERATIONS,
    init='pca',
    random_state=seed,
  )
  return {
    'pca': components[:, :2],
    'tsne': tsne.fit_transform(components),
    'variance': 100 * pca.explained_variance_ratio_[:2],
    'subjects': sequences.subjects[rows],
    'conditions': sequences.conditions[rows],
    'views': sequences.views[rows],
  }
