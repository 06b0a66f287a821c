"""k-reciprocal re-ranking: sequences with the same neighbours are close.

Zhong et al., CVPR 2017 (arXiv:1701.08398), with OpenGait's settings.
Neighbourhoods are sparse, not a matrix of all pairs: memory is (M + N) * 210
weights plus one block of distances.
"""

from collections.abc import Callable

import numpy as np

from selfgait_jax import reciprocal, retrieval

NEIGHBOURS = 6  # k1: a neighbourhood, without the sequence itself
AVERAGED = 6  # k2: nearest sequences whose neighbourhoods are averaged
WEIGHT = 0.3  # lambda: of the plain distance


def make(
  probes: np.ndarray, gallery: np.ndarray, metric: str = 'euclidean'
) -> Callable[[slice], np.ndarray]:
  """Finds the neighbourhoods among probes and gallery together.

  The plain distances of each sequence are divided by its largest one, so that
  they lie in 0..1. Weights are float32; OpenGait's are half precision.

  Args:
    probes: [M, P, D].
    gallery: [N, P, D].
    metric: see `retrieval.pairwise_distance`.

  Returns:
    A function from a slice of the probes to their re-ranked distances to the
    gallery, float32 [m, N].
  """
  everything = np.concatenate([probes, gallery])
  _, nearest = retrieval.nearest(everything, everything, NEIGHBOURS + 1, metric)
  plain = lambda rows: retrieval.pairwise_distance(
    everything[rows], everything, metric
  )
  blocks = retrieval.host_blocks(len(everything), len(everything))
  encoded, largest = reciprocal.encode(nearest, AVERAGED, plain, blocks)
  own, holders = encoded[: len(probes)], encoded[len(probes) :].tocsc()

  def distances(block: slice) -> np.ndarray:
    plain = retrieval.pairwise_distance(probes[block], gallery, metric)
    plain /= largest[: len(probes)][block, None]
    shared = reciprocal.shared_weight(own[block], holders).toarray()
    jaccard = 1 - shared / (2 - shared)
    return WEIGHT * plain + (1 - WEIGHT) * jaccard

  return distances
