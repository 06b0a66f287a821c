"""What a protocol counts: per view pair, over all views, or per probe list.

Every function takes the probes of one group, the gallery, the view names [V]
and a distance, and returns scores in percent (NaN where nothing was to count)
and counts. `cmc` is the curve over ranks 1 to `CMC_RANKS`.
"""

from typing import NamedTuple

import numpy as np

from selfgait_jax import errors, retrieval

CMC_RANKS = 20


class Side(NamedTuple):
  """The probes of one group, or the gallery."""

  embeddings: np.ndarray  # [N, P, D]
  subjects: np.ndarray  # [N]
  views: np.ndarray  # [N]

  def at(self, rows) -> 'Side':
    return Side(*(field[rows] for field in self))


def view_pairs(probes, gallery, names, metric):
  """One cell for each (probe view, gallery view), then means over cells."""
  views = len(names)
  cells = np.full((CMC_RANKS, views, views), np.nan)
  precision = np.full((views, views), np.nan)
  without_mate = 0
  for column, view in enumerate(names):
    side = gallery.at(gallery.views == view)
    if not len(side.views):
      continue
    ranks = retrieval.retrieve(
      probes.embeddings, probes.subjects,
      side.embeddings, side.subjects, metric,
    )  # fmt: skip
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


def cross_view(probes, gallery, names, metric):
  """All gallery views at once, without the probe's own subject and view."""
  ranks = retrieval.retrieve(
    probes.embeddings, probes.subjects,
    gallery.embeddings, gallery.subjects, metric,
    probes.views, gallery.views,
  )  # fmt: skip
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


def probe_list(probes, gallery, names, metric):
  """One ranking for all; probes without a mate are left out."""
  del names  # views mean nothing here
  ranks = retrieval.retrieve(
    probes.embeddings, probes.subjects,
    gallery.embeddings, gallery.subjects, metric,
  )  # fmt: skip
  scored = ranks[ranks[:, 0] > 0]
  if not len(scored):
    raise errors.UserError(
      'expected gallery sequences of the listed probes, found none for any; '
      'check the probe list against the data set'
    )
  scores = {
    'cmc': 100 * retrieval.cumulative_match(scored, CMC_RANKS),
    'mAP': 100 * retrieval.average_precision(scored).mean(),
    'mINP': 100 * retrieval.inverse_negative_penalty(scored).mean(),
  }
  return scores, {}


def _mean(values, axis):
  """Mean of what is not NaN; NaN where that is nothing."""
  present = ~np.isnan(values)
  total = np.where(present, values, 0).sum(axis=axis)
  count = present.sum(axis=axis)
  return np.where(count > 0, total / np.maximum(count, 1), np.nan)
