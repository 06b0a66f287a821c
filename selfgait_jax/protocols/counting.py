"""What a protocol counts: per view pair, over all views, or per probe list.

Every function takes the probes of one group, the gallery, the view names [V]
and `rank` with its settings bound, and returns scores in percent (NaN where
nothing was to count) and counts. `cmc` is the curve over ranks 1 to
`CMC_RANKS`; beyond the size of a gallery it goes on with its last value.
"""

from typing import NamedTuple

import numpy as np

from selfgait_jax import errors, retrieval
from selfgait_jax.protocols import reranking

CMC_RANKS = 20


class Side(NamedTuple):
  """The probes of one group, or the gallery."""

  embeddings: np.ndarray  # [N, P, D]
  subjects: np.ndarray  # [N]
  views: np.ndarray  # [N]

  def at(self, rows) -> 'Side':
    return Side(*(field[rows] for field in self))


def rank(
  probes: Side,
  gallery: Side,
  own_view: bool = True,
  metric: str = 'euclidean',
  rerank: bool = False,
) -> np.ndarray:
  """`retrieval.retrieve` of two sides.

  Args:
    probes: M of them.
    gallery: N.
    own_view: whether the gallery keeps sequences of the probe's own subject and
      view.
    metric: see `retrieval.pairwise_distance`.
    rerank: compare by `reranking.make`.

  Returns:
    int32 [M, K], the ranks of the mates.
  """
  distances = None
  if rerank:
    distances = reranking.make(probes.embeddings, gallery.embeddings, metric)
  views = () if own_view else (probes.views, gallery.views)
  return retrieval.retrieve(
    probes.embeddings, probes.subjects,
    gallery.embeddings, gallery.subjects, metric,
    *views, distances=distances,
  )  # fmt: skip


def view_pairs(probes, gallery, names, rank):
  """One cell for each (probe view, gallery view), then means over cells."""
  views = len(names)
  cells = np.full((CMC_RANKS, views, views), np.nan)
  precision = np.full((views, views), np.nan)
  without_mate = 0
  for column, view in enumerate(names):
    side = gallery.at(gallery.views == view)
    if not len(side.views):
      continue
    ranks = rank(probes, side)
    without_mate += np.sum((ranks[:, 0] == 0) & (probes.views != view))
    for row, probe_view in enumerate(names):
      cell = ranks[probes.views == probe_view]
      if len(cell):
        cells[:, row, column] = retrieval.cumulative_match(cell, CMC_RANKS)
        precision[row, column] = _mean(retrieval.average_precision(cell), 0)

  # Means over gallery views first: every probe view weighs the same, however
  # many of its cells are empty.
  others = np.where(np.eye(views, dtype=bool), np.nan, cells)
  per_view = 100 * _mean(others, 2)
  precision[np.eye(views, dtype=bool)] = np.nan
  scores = {
    'cmc': _mean(per_view, 1),
    'mAP': 100 * _mean(_mean(precision, 1), 0),
    'rank1_per_view': per_view[0],
    'rank1_all_views': 100 * _mean(cells[0], None),
    'matrix': 100 * cells[0],
  }
  tally = {
    'pairs_without_mate': without_mate,
    'empty_cells': np.isnan(cells[0]).sum(),
  }
  return scores, tally


def cross_view(probes, gallery, names, rank):
  """All gallery views at once, without the probe's own subject and view."""
  ranks = rank(probes, gallery, own_view=False)
  curves = np.full((CMC_RANKS, len(names)), np.nan)
  precision = np.full(len(names), np.nan)
  for row, view in enumerate(names):
    cell = ranks[probes.views == view]
    if len(cell):
      curves[:, row] = retrieval.cumulative_match(cell, CMC_RANKS)
      precision[row] = _mean(retrieval.average_precision(cell), 0)
  scores = {
    'cmc': 100 * _mean(curves, 1),
    'mAP': 100 * _mean(precision, 0),
    'rank1_per_view': 100 * curves[0],
  }
  return scores, {'probes_without_other_view': np.sum(ranks[:, 0] == 0)}


def whole_gallery(probes, gallery, names, rank):
  """One ranking for all; a probe without a mate is a miss."""
  del names  # views mean nothing here
  ranks = rank(probes, gallery)
  return _of_ranking(ranks), {}


def probe_list(probes, gallery, names, rank):
  """One ranking for all; probes without a mate are left out."""
  del names  # views mean nothing here
  ranks = rank(probes, gallery)
  scored = ranks[ranks[:, 0] > 0]
  if not len(scored):
    raise errors.UserError(
      'expected gallery sequences of the listed probes, found none for any; '
      'check the probe list against the data set'
    )
  return _of_ranking(scored), {}


def other_cameras(probes, gallery, names, rank):
  """One ranking for all, without the probe's own subject and camera.

  Probes without a mate left are left out. Rank-1 by pairs of cameras besides.
  """
  ranks = rank(probes, gallery, own_view=False)
  scores = _of_ranking(ranks[ranks[:, 0] > 0])
  pairs, _ = view_pairs(probes, gallery, names, rank)
  scores |= {
    'rank1_view_pairs': pairs['cmc'][0],
    'rank1_all_views': pairs['rank1_all_views'],
    'matrix': pairs['matrix'],
  }
  return scores, {'probes_without_other_view': np.sum(ranks[:, 0] == 0)}


def _of_ranking(ranks):
  """Scores of one ranking; mAP and mINP of the probes with a mate."""
  if not len(ranks):
    return dict.fromkeys(('mAP', 'mINP'), np.nan) | {
      'cmc': np.full(CMC_RANKS, np.nan)
    }
  return {
    'cmc': 100 * retrieval.cumulative_match(ranks, CMC_RANKS),
    'mAP': 100 * _mean(retrieval.average_precision(ranks), 0),
    'mINP': 100 * _mean(retrieval.inverse_negative_penalty(ranks), 0),
  }


def _mean(values, axis):
  """Mean of what is not NaN; NaN where that is nothing."""
  present = ~np.isnan(values)
  total = np.where(present, values, 0).sum(axis=axis)
  count = present.sum(axis=axis)
  return np.where(count > 0, total / np.maximum(count, 1), np.nan)
