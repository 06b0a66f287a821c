"""Scores the embeddings of a test set under one of the named protocols."""

import functools
from collections.abc import Sequence

import numpy as np
from absl import logging

from selfgait_jax import errors
from selfgait_jax.protocols import counting, roles
from selfgait_jax.protocols.definitions import PROTOCOLS, Protocol


def find(name: str) -> Protocol:
  """The protocol of that name.

  Raises:
    UserError: no protocol has this name.
  """
  if name not in PROTOCOLS:
    raise errors.UserError(
      f'expected a protocol out of {", ".join(PROTOCOLS)}, found {name!r}; '
      'change config.eval.protocol'
    )
  return PROTOCOLS[name]


def evaluate(
  protocol: str,
  embeddings: np.ndarray,
  subjects: Sequence[str] | np.ndarray,
  conditions: Sequence[str] | np.ndarray,
  views: Sequence[str] | np.ndarray,
  metric: str = 'euclidean',
  probes: Sequence[str] | None = None,
  gallery: Sequence[str] | None = None,
  rerank: bool = False,
) -> dict:
  """Scores the embeddings of a test set.

  Args:
    protocol: a name out of `PROTOCOLS`.
    embeddings: [N, P, D] of sequences, in any order.
    subjects: [N], spelt as the data set does; conditions and views likewise.
    conditions: [N].
    views: [N].
    metric: see `retrieval.pairwise_distance`.
    probes: names 'subject-condition-view' of the probes, for `gait3d` only;
      None for all sequences that are not gallery.
    gallery: likewise of the gallery; None for all sequences that are not
      probes.
    rerank: compare by `reranking.make`; needs one gallery for all probes.

  Returns:
    A dictionary that JSON can hold: `protocol` (name/version), `definition`,
    `distance`, `metrics` and `counts`. The metrics of each probe group, for
    example `nm`, are in percent and unrounded; None where there was nothing to
    count:

    - `nm/rank1` to `nm/rank5`, `nm/rank10`, `nm/rank20`: if the gallery is
      smaller than the rank, that of the whole gallery;
    - `nm/mAP`, `nm/cmc` (ranks 1 to 20);
    - `nm/eer`, `nm/tar_far_0.01`: equal error rate, and true-accept rate at a
      false-accept rate of 1 %, over the pairs that the protocol ranks
      (`verification.Pairs`);
    - depending on the protocol, `nm/rank1_per_view` (probe views in the order
      of `views`), `nm/rank1_all_views`, `nm/rank1_view_pairs`, `nm/matrix`
      (probe views x gallery views), `nm/mINP`.

    Counts: `subjects`, `sequences`, `gallery`, `probes`, `unused`; of each
    group `nm/probes`, `nm/gallery`, `nm/probes_without_mate` (none in the whole
    gallery); with view pairs `nm/pairs_without_mate` (probe and other view) and
    `nm/empty_cells`; with galleries that lack the probe's own view or camera
    `nm/probes_without_other_view`, or by recordings
    `all/probes_without_other_recording`. Groups without probes are left out.

  Raises:
    UserError: array sizes differ, embeddings are not finite, there are no
      probes, a subject has no gallery, or the protocol is unknown or cannot be
      re-ranked.
  """
  rules = find(protocol)
  embeddings = np.asarray(embeddings, np.float32)
  subjects, conditions, views = (
    np.asarray(x).astype(str) for x in (subjects, conditions, views)
  )
  _check_arrays(embeddings, subjects, conditions, views)
  if rerank:
    check_rerank(rules)
  views = roles.compared_views(rules, conditions, views)
  groups = roles.roles(rules, subjects, conditions, views, probes, gallery)
  all_probes, all_gallery = (
    np.unique(np.concatenate(rows))
    for rows in zip(*groups.values(), strict=True)
  )
  if rules.gallery_required:
    _check_gallery(rules, subjects, all_probes, all_gallery)
  _note_small_galleries(rules, groups, views)

  used = np.union1d(all_probes, all_gallery)
  names = np.unique(views[used])
  metrics = {'views': names.tolist()} if rules.by_view else {}
  everything = counting.Side(
    embeddings,
    np.unique(subjects, return_inverse=True)[1],
    np.searchsorted(names, views),
  )
  counts = {
    'subjects': len(np.unique(subjects[used])),
    'sequences': len(subjects),
    'gallery': len(all_gallery),
    'probes': len(all_probes),
    'unused': len(subjects) - len(used),
  }
  compare = functools.partial(counting.compare, metric=metric, rerank=rerank)
  for group, (rows, columns) in groups.items():
    scores, tally = rules.score(
      everything.at(rows), everything.at(columns), len(names), compare
    )
    scores |= {
      f'rank{k}': scores['cmc'][k - 1] for k in (1, 2, 3, 4, 5, 10, 20)
    }
    tally['probes'], tally['gallery'] = len(rows), len(columns)
    mateless = ~np.isin(subjects[rows], subjects[columns])
    tally['probes_without_mate'] = mateless.sum()
    metrics |= {f'{group}/{key}': _plain(v) for key, v in scores.items()}
    counts |= {f'{group}/{key}': int(v) for key, v in tally.items()}
  return {
    'protocol': rules.label + ('+rerank' if rerank else ''),
    'definition': rules.definition,
    'distance': metric,
    'metrics': metrics,
    'counts': counts,
  }


def check_rerank(rules: Protocol) -> None:
  """Raises UserError for a protocol that cannot be re-ranked."""
  if not rules.has_one_gallery:
    able = [p.name for p in PROTOCOLS.values() if p.has_one_gallery]
    raise errors.UserError(
      'expected a protocol with one gallery for all probes to re-rank '
      f'({", ".join(able)}), found {rules.name}; change config.eval.rerank or '
      'config.eval.protocol'
    )


def _check_arrays(embeddings, subjects, conditions, views):
  lengths = [len(x) for x in (embeddings, subjects, conditions, views)]
  if embeddings.ndim != 3 or len(set(lengths)) > 1:
    raise errors.UserError(
      'expected embeddings [N, P, D] with N subjects, conditions and views, '
      f'found {embeddings.shape} with {lengths[1]}, {lengths[2]} and '
      f'{lengths[3]}; pass the labels of the sequences that were embedded'
    )
  bad = np.flatnonzero(~np.isfinite(embeddings).all(axis=(1, 2)))
  if len(bad):
    first = '-'.join(x[bad[0]] for x in (subjects, conditions, views))
    raise errors.UserError(
      f'expected finite embeddings, found NaN or infinity in {len(bad)} of '
      f'{len(embeddings)} sequences (first {errors.printable(first)}); use a '
      'checkpoint from before the training diverged'
    )


def _note_small_galleries(rules, groups, views):
  """Logs, once per run, which ranks exceed the smallest gallery."""
  if rules.score is counting.view_pairs:
    smallest = min(
      np.unique(views[columns], return_counts=True)[1].min()
      for _, columns in groups.values()
    )
  else:
    smallest = min(len(columns) for _, columns in groups.values())
  if smallest < counting.CMC_RANKS:
    logging.log_first_n(
      logging.WARNING,
      'a gallery of %s holds only %d sequences: ranks above %d count all of '
      'them',
      1,
      rules.label,
      smallest,
      smallest,
    )


def _check_gallery(rules, subjects, probes, gallery):
  missing = np.setdiff1d(subjects[probes], subjects[gallery])
  if len(missing):
    raise errors.UserError(
      f'expected gallery sequences ({", ".join(rules.gallery)}) of every test '
      f'subject, found none for {roles.listed(missing)} ({len(missing)} in '
      'all); prepare them or name these in config.data.exclude_subjects'
    )


def _plain(value):
  """The value as floats and nested lists, with None for NaN."""
  if np.ndim(value):
    return [_plain(v) for v in value]
  return None if np.isnan(value) else float(value)
