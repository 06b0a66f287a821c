"""Evaluation protocols: who is probe, who is gallery, what counts as a hit.

Each is a named, versioned definition; a change that moves any number is a new
version. `evaluate` gives one result for embeddings under one of them.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from selfgait_jax import errors, scoring


@dataclasses.dataclass(frozen=True)
class Protocol:
  """One definition.

  Attributes:
    name: as in `config.eval.protocol`.
    version: goes up when a number changes.
    gallery: conditions of gallery sequences.
    probes: conditions of each probe group; 'all' where there is one group.
    score: the function of `scoring.py` that counts.
    gallery_required: whether a probe subject without any gallery sequence is
      an error, or a property of the data set that counts as a miss.
    definition: the rules in words, for people.
  """

  name: str
  version: int
  gallery: tuple[str, ...]
  probes: Mapping[str, tuple[str, ...]]
  score: Callable
  gallery_required: bool
  definition: str

  @property
  def label(self) -> str:
    return f'{self.name}/{self.version}'

  def title(self, group: str) -> str:
    """A probe group as tables call it, for example 'NM#5-6'."""
    numbers = [c.removeprefix(f'{group}-') for c in self.probes[group]]
    if not all(number.isdigit() for number in numbers) or group == 'all':
      return group.upper()
    ends = sorted({int(numbers[0]), int(numbers[-1])})
    return f'{group.upper()}#{"-".join(map(str, ends))}'


_VIEW_PAIRS = (
  'For every pair of probe view and gallery view: the share of probes whose '
  'subject is among the k nearest gallery sequences of that one view; a probe '
  'without a mate there is a miss. Rank-k is the mean over gallery views other '
  'than the probe view, then over probe views (identical views excluded); '
  'all_views keeps identical views. mAP: the same means of the average '
  'precision, of probes with a mate.'
)
_CROSS_VIEW = (
  'The gallery holds all views at once; only the sequences of the probe’s own '
  'subject and view are taken out. Rank-k: share of probes of a view with a '
  'hit among the k nearest, a probe without a mate is a miss; mAP: of probes '
  'with a mate; both are means over probe views.'
)

PROTOCOLS = {
  p.name: p
  for p in (
    Protocol(
      name='casiab',
      version=1,
      gallery=('nm-01', 'nm-02', 'nm-03', 'nm-04'),
      probes={
        'nm': ('nm-05', 'nm-06'),
        'bg': ('bg-01', 'bg-02'),
        'cl': ('cl-01', 'cl-02'),
      },
      score=scoring.view_pairs,
      gallery_required=True,
      definition='CASIA-B. Gallery nm-01 to nm-04; probes nm-05 and nm-06 '
      '(nm), bg-01 and bg-02 (bg), cl-01 and cl-02 (cl). ' + _VIEW_PAIRS,
    ),
    Protocol(
      name='oumvlp',
      version=1,
      gallery=('01',),
      probes={'all': ('00',)},
      score=scoring.view_pairs,
      gallery_required=False,
      definition='OU-MVLP. Gallery 01; probes 00. ' + _VIEW_PAIRS,
    ),
    Protocol(
      name='casiab_cross_view',
      version=1,
      gallery=('nm-02', 'bg-02', 'cl-02'),
      probes={'nm': ('nm-01',), 'bg': ('bg-01',), 'cl': ('cl-01',)},
      score=scoring.cross_view,
      gallery_required=True,
      definition='CASIA-B, cross-view gallery. Gallery nm-02, bg-02 and '
      'cl-02; probes nm-01 (nm), bg-01 (bg), cl-01 (cl). ' + _CROSS_VIEW,
    ),
    Protocol(
      name='oumvlp_cross_view',
      version=1,
      gallery=('01',),
      probes={'all': ('00',)},
      score=scoring.cross_view,
      gallery_required=False,
      definition='OU-MVLP, cross-view gallery. Gallery 01; probes 00. '
      + _CROSS_VIEW,
    ),
    Protocol(
      name='gait3d',
      version=1,
      gallery=(),
      probes={'all': ()},
      score=scoring.probe_list,
      gallery_required=False,
      definition='Gait3D. Probes are those of the published list, by name '
      'subject-condition-view; all other sequences are gallery, whatever '
      'their camera. Probes without a mate are left out of every mean, and '
      'counted.',
    ),
  )
}


def find(name: str) -> Protocol:
  """The protocol of that name.

  Raises:
    UserError: there is none.
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
  subjects: Sequence[str],
  conditions: Sequence[str],
  views: Sequence[str],
  metric: str = 'euclidean',
  probes: Sequence[str] | None = None,
) -> dict:
  """Scores the embeddings of a test set.

  Args:
    protocol: a name out of `PROTOCOLS`.
    embeddings: [N, P, D] of sequences, in any order.
    subjects: [N], as the data set writes them; conditions and views alike.
    conditions: [N].
    views: [N].
    metric: see `retrieval.pairwise_distance`.
    probes: names 'subject-condition-view' of the probes, for `gait3d` only.

  Returns:
    A dictionary that JSON can hold: `protocol` (name/version), `definition`,
    `distance`, `metrics` and `counts`. Of each probe group, say `nm`, the
    metrics are, in percent and unrounded (None where nothing was to count):
    `nm/rank1` to `nm/rank5` and `nm/rank10`, `nm/mAP`, `nm/cmc` (ranks 1 to
    20), and by protocol `nm/rank1_per_view` (probe views in the order of
    `views`), `nm/rank1_all_views`, `nm/matrix` (probe views x gallery views)
    or `nm/mINP`. Groups without probes are left out. Counts: `subjects`,
    `sequences`, `gallery`, `probes`, `unused`; of each group `nm/probes`,
    `nm/probes_without_mate` (none in the whole gallery), and with view pairs
    `nm/pairs_without_mate` (probe and other view) and `nm/empty_cells`, with
    the cross-view gallery `nm/probes_without_other_view`.

  Raises:
    UserError: the arrays do not go together, embeddings are not finite, there
      are no probes, a subject has no gallery, or the protocol is unknown.
  """
  rules = find(protocol)
  embeddings = np.asarray(embeddings, np.float32)
  subjects, conditions, views = (
    np.asarray(x).astype(str) for x in (subjects, conditions, views)
  )
  _check_arrays(embeddings, subjects, conditions, views)
  groups, gallery = _roles(rules, subjects, conditions, views, probes)
  all_probes = np.concatenate(list(groups.values()))
  if rules.gallery_required:
    _check_gallery(rules, subjects, all_probes, gallery)

  names = np.unique(views[np.concatenate([all_probes, gallery])])
  metrics = {'views': names.tolist()}
  counts = {
    'subjects': len(np.unique(subjects)),
    'sequences': len(subjects),
    'gallery': len(gallery),
    'probes': len(all_probes),
    'unused': len(subjects) - len(gallery) - len(all_probes),
  }
  for group, rows in groups.items():
    scores, tally = rules.score(
      scoring.Side(embeddings[rows], subjects[rows], views[rows]),
      scoring.Side(embeddings[gallery], subjects[gallery], views[gallery]),
      names,
      metric,
    )
    scores |= {f'rank{k}': scores['cmc'][k - 1] for k in (1, 2, 3, 4, 5, 10)}
    tally['probes'] = len(rows)
    mateless = ~np.isin(subjects[rows], subjects[gallery])
    tally['probes_without_mate'] = mateless.sum()
    metrics |= {f'{group}/{key}': _plain(v) for key, v in scores.items()}
    counts |= {f'{group}/{key}': int(v) for key, v in tally.items()}
  return {
    'protocol': rules.label,
    'definition': rules.definition,
    'distance': metric,
    'metrics': metrics,
    'counts': counts,
  }


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
      f'{len(embeddings)} sequences (first {first}); use a checkpoint from '
      'before the training diverged'
    )


def _roles(rules, subjects, conditions, views, probes):
  """Rows of each probe group that has any, and rows of the gallery."""
  if (rules.score is scoring.probe_list) != (probes is not None):
    raise errors.UserError(
      'expected a list of probes for gait3d and for no other protocol, found '
      f'protocol {rules.name} {"without" if probes is None else "with"} one; '
      'pass `probes` as the data set publishes it'
    )
  if probes is not None:
    keys = zip(subjects, conditions, views, strict=True)
    is_probe = np.isin(['-'.join(key) for key in keys], list(probes))
    groups = {'all': np.flatnonzero(is_probe)}
    gallery = np.flatnonzero(~is_probe)
  else:
    groups = {
      group: np.flatnonzero(np.isin(conditions, members))
      for group, members in rules.probes.items()
    }
    gallery = np.flatnonzero(np.isin(conditions, rules.gallery))
  groups = {group: rows for group, rows in groups.items() if len(rows)}
  if not groups or not len(gallery):
    wanted = [c for members in rules.probes.values() for c in members]
    raise errors.UserError(
      f'expected probes ({", ".join(wanted) or "the list"}) and a gallery '
      f'({", ".join(rules.gallery) or "the rest"}) for {rules.name}, found '
      f'{sum(map(len, groups.values()))} probes and {len(gallery)} gallery '
      f'sequences with conditions {", ".join(np.unique(conditions)[:8])}; '
      'change config.eval.protocol or the data set'
    )
  if rules.score is scoring.view_pairs and len(np.unique(views)) < 2:
    raise errors.UserError(
      f'expected at least two views for {rules.name}, which leaves identical '
      f'views out, found {views[0]} only; prepare more views'
    )
  return groups, gallery


def _check_gallery(rules, subjects, probes, gallery):
  missing = np.setdiff1d(subjects[probes], subjects[gallery])
  if len(missing):
    raise errors.UserError(
      f'expected gallery sequences ({", ".join(rules.gallery)}) of every test '
      f'subject, found none for {", ".join(missing[:8])} ({len(missing)} in '
      'all); prepare them or name these in config.data.exclude_subjects'
    )


def _plain(value):
  """Floats and nested lists, None for NaN."""
  if np.ndim(value):
    return [_plain(v) for v in value]
  return None if np.isnan(value) else float(value)
