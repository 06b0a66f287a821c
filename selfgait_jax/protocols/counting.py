"""The scores of one probe group: by view pair, by probe view or by ranking.

The functions named in a `Protocol` take the probes of the group, its gallery,
the number of views V and `compare` with its settings bound. They return scores
in percent (NaN where there was nothing to count) and counts. `cmc` is the curve
over ranks 1 to `CMC_RANKS`; beyond the size of a gallery it keeps its last
value.
"""

from typing import NamedTuple

import numpy as np

from selfgait_jax import errors, retrieval
from selfgait_jax.protocols import reranking, verification

CMC_RANKS = 20


class Side(NamedTuple):
  """The probes of one group, or its gallery."""

  embeddings: np.ndarray  # float32 [N, P, D]
  subjects: np.ndarray  # int [N], the same numbers on both sides
  views: np.ndarray  # int [N], 0 to V - 1

  def at(self, rows: np.ndarray) -> 'Side':
    return Side(*(field[rows] for field in self))


def compare(
  probes: Side,
  gallery: Side,
  pairs: verification.Pairs | None = None,
  counted: np.ndarray | None = None,
  own_view: bool = True,
  metric: str = 'euclidean',
  rerank: bool = False,
) -> np.ndarray:
  """Ranks the gallery for every probe, a block of probes at a time.

  Args:
    probes: M of them.
    gallery: N.
    pairs: receives the distances that are ranked.
    counted: bool [M], the probes whose distances `pairs` receives; None for
      all.
    own_view: whether the gallery keeps sequences of the probe's own subject and
      view.
    metric: see `retrieval.pairwise_distance`.
    rerank: compare by `reranking.make`.

  Returns:
    int32 [M, K], the ranks of the mates as `retrieval.mate_ranks` gives them; K
    is the largest number of gallery sequences of one subject.
  """
  distances = lambda rows: retrieval.pairwise_distance(
    probes.embeddings[rows], gallery.embeddings, metric
  )
  if rerank:
    distances = reranking.make(probes.embeddings, gallery.embeddings, metric)
  most = np.bincount(gallery.subjects).max(initial=1)
  ranks = np.zeros((len(probes.subjects), most), np.int32)
  for rows in retrieval.host_blocks(len(ranks), len(gallery.subjects)):
    distance = distances(rows)
    mates = probes.subjects[rows, None] == gallery.subjects
    if not own_view:
      same_view = probes.views[rows, None] == gallery.views
      distance[mates & same_view] = np.inf
    found = retrieval.mate_ranks(distance, mates)
    ranks[rows, : found.shape[1]] = found
    if pairs:
      some = slice(None) if counted is None else counted[rows]
      pairs.add(distance[some], mates[some])
  return ranks


def view_pairs(probes, gallery, views, compare):
  """One cell for each (probe view, gallery view), then means over cells."""
  pairs = verification.Pairs()
  cells = np.full((CMC_RANKS, views, views), np.nan)
  precision = np.full((views, views), np.nan)
  without_mate = 0
  for column in range(views):
    side = gallery.at(gallery.views == column)
    if not len(side.views):
      continue
    other_view = probes.views != column
    ranks = compare(probes, side, pairs, counted=other_view)
    without_mate += np.sum((ranks[:, 0] == 0) & other_view)
    for row in range(views):
      cell = ranks[probes.views == row]
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
  } | pairs.scores()
  tally = {
    'pairs_without_mate': without_mate,
    'empty_cells': np.isnan(cells[0]).sum(),
  }
  return scores, tally


def cross_view(probes, gallery, views, compare):
  """All gallery views at once, without the probe's own subject and view."""
  pairs = verification.Pairs()
  ranks = compare(probes, gallery, pairs, own_view=False)
  curves = np.full((CMC_RANKS, views), np.nan)
  precision = np.full(views, np.nan)
  for row in range(views):
    cell = ranks[probes.views == row]
    if len(cell):
      curves[:, row] = retrieval.cumulative_match(cell, CMC_RANKS)
      precision[row] = _mean(retrieval.average_precision(cell), 0)
  scores = {
    'cmc': 100 * _mean(curves, 1),
    'mAP': 100 * _mean(precision, 0),
    'rank1_per_view': 100 * curves[0],
  } | pairs.scores()
  return scores, {'probes_without_other_view': np.sum(ranks[:, 0] == 0)}


def whole_gallery(probes, gallery, views, compare):
  """One ranking for all; a probe without a mate is a miss."""
  del views  # they mean nothing here
  pairs = verification.Pairs()
  ranks = compare(probes, gallery, pairs)
  return _of_ranking(ranks) | pairs.scores(), {}


def probe_list(probes, gallery, views, compare):
  """One ranking for all; probes without a mate are left out."""
  del views  # they mean nothing here
  pairs = verification.Pairs(mated_only=True)
  ranks = compare(probes, gallery, pairs)
  scored = ranks[ranks[:, 0] > 0]
  if not len(scored):
    raise errors.UserError(
      'expected gallery sequences of the listed probes, found none for any; '
      'check the probe list against the data set'
    )
  return _of_ranking(scored) | pairs.scores(), {}


def other_cameras(probes, gallery, views, compare):
  """One ranking for all, without the probe's own subject and camera.

  Probes that have no mate under another camera are left out. The scores include
  rank-1 by pairs of cameras, from `view_pairs`.
  """
  pairs = verification.Pairs(mated_only=True)
  ranks = compare(probes, gallery, pairs, own_view=False)
  by_pair, _ = view_pairs(probes, gallery, views, compare)
  scores = _of_ranking(ranks[ranks[:, 0] > 0]) | pairs.scores()
  scores |= {
    'rank1_view_pairs': by_pair['cmc'][0],
    'rank1_all_views': by_pair['rank1_all_views'],
    'matrix': by_pair['matrix'],
  }
  return scores, {'probes_without_other_view': np.sum(ranks[:, 0] == 0)}


def other_recordings(probes, gallery, views, compare):
  """One ranking for all, without the probe's own subject and recording.

  The recordings stand in the place of the views. Probes that have no mate in
  another recording are left out.
  """
  del views
  pairs = verification.Pairs(mated_only=True)
  ranks = compare(probes, gallery, pairs, own_view=False)
  scored = ranks[ranks[:, 0] > 0]
  if not len(scored):
    raise errors.UserError(
      'expected a test subject with two recordings (conditions), found none; '
      'prepare more recordings of each person, each under its own name'
    )
  tally = {'probes_without_other_recording': len(ranks) - len(scored)}
  return _of_ranking(scored) | pairs.scores(), tally


def _of_ranking(ranks):
  """CMC of one ranking; mAP and mINP of the probes with a mate."""
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
  """Mean of the values that are not NaN; NaN if there are none."""
  present = ~np.isnan(values)
  total = np.where(present, values, 0).sum(axis=axis)
  count = present.sum(axis=axis)
  return np.where(count > 0, total / np.maximum(count, 1), np.nan)
