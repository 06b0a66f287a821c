"""The evaluation protocols by name; `protocols.py` applies them.

Each is a named, versioned definition; a change that moves any number is a new
version.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from selfgait_jax.protocols import counting


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
    galleries: conditions of the gallery of each probe group, where they differ.
    parts: whether conditions are named by parts of them ('bg' for '01-bg').
    cameras: whether views are cameras, the part of a name up to the first '_'.
    listed: whether lists name the probes or the gallery, and not conditions.
    on_training: whether it can score sequences of training subjects too.
  """

  name: str
  version: int
  gallery: tuple[str, ...]
  probes: Mapping[str, tuple[str, ...]]
  score: Callable
  gallery_required: bool
  definition: str
  galleries: Mapping[str, tuple[str, ...]] = dataclasses.field(
    default_factory=dict
  )
  parts: bool = False
  cameras: bool = False
  listed: bool = False
  on_training: bool = True

  @property
  def label(self) -> str:
    return f'{self.name}/{self.version}'

  @property
  def has_one_gallery(self) -> bool:
    """Whether all probes of a group share one gallery, of all views."""
    return self.score in _ONE_GALLERY

  @property
  def by_view(self) -> bool:
    """Whether its scores tell views apart."""
    return self.score in _BY_VIEW

  def title(self, group: str) -> str:
    """A probe group as tables call it, for example 'NM#5-6'."""
    prefix, members = f'{group}-', self.probes[group]
    numbers = [c.removeprefix(prefix) for c in members if c.startswith(prefix)]
    if not numbers or not all(number.isdigit() for number in numbers):
      return group.upper()
    ends = sorted({int(numbers[0]), int(numbers[-1])})
    return f'{group.upper()}#{"-".join(map(str, ends))}'

  def rows(self, conditions: np.ndarray, wanted: tuple[str, ...]) -> np.ndarray:
    """Rows of the sequences whose condition is one of `wanted`."""
    if self.parts:
      found = [np.char.find(conditions, part) >= 0 for part in wanted]
      return np.flatnonzero(np.any(found, axis=0))
    return np.flatnonzero(np.isin(conditions, wanted))


_ONE_GALLERY = (
  counting.cross_view,
  counting.probe_list,
  counting.whole_gallery,
)
_BY_VIEW = (counting.view_pairs, counting.cross_view, counting.other_cameras)

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
      score=counting.view_pairs,
      gallery_required=True,
      definition='CASIA-B. Gallery nm-01 to nm-04; probes nm-05 and nm-06 '
      '(nm), bg-01 and bg-02 (bg), cl-01 and cl-02 (cl). ' + _VIEW_PAIRS,
    ),
    Protocol(
      name='oumvlp',
      version=1,
      gallery=('01',),
      probes={'all': ('00',)},
      score=counting.view_pairs,
      gallery_required=False,
      definition='OU-MVLP. Gallery 01; probes 00. ' + _VIEW_PAIRS,
    ),
    Protocol(
      name='casiab_cross_view',
      version=1,
      gallery=('nm-02', 'bg-02', 'cl-02'),
      probes={'nm': ('nm-01',), 'bg': ('bg-01',), 'cl': ('cl-01',)},
      score=counting.cross_view,
      gallery_required=True,
      definition='CASIA-B, cross-view gallery. Gallery nm-02, bg-02 and '
      'cl-02; probes nm-01 (nm), bg-01 (bg), cl-01 (cl). ' + _CROSS_VIEW,
    ),
    Protocol(
      name='oumvlp_cross_view',
      version=1,
      gallery=('01',),
      probes={'all': ('00',)},
      score=counting.cross_view,
      gallery_required=False,
      definition='OU-MVLP, cross-view gallery. Gallery 01; probes 00. '
      + _CROSS_VIEW,
    ),
    Protocol(
      name='gait3d',
      version=1,
      gallery=(),
      probes={'all': ()},
      score=counting.probe_list,
      gallery_required=False,
      definition='Gait3D. Probes are those of the published list, by name '
      'subject-condition-view; all other sequences are gallery, whatever '
      'their camera. Probes without a mate are left out of every mean, and '
      'counted.',
      listed=True,
      on_training=False,
    ),
    Protocol(
      name='grew',
      version=1,
      gallery=('01',),
      probes={'all': ('02',)},
      score=counting.whole_gallery,
      gallery_required=False,
      definition='GREW, on the test subjects whose names are published. '
      'Gallery 01 and probe 02, one sequence a subject each, the first and the '
      'second by name. Rank-k: share of probes with a hit among the k nearest, '
      'a probe without a mate is a miss; mAP and mINP: of probes with a mate.',
      on_training=False,
    ),
    Protocol(
      name='sustech1k',
      version=1,
      gallery=('00-nm',),
      probes={
        'normal': ('01-nm',),
        'bag': ('bg',),
        'clothing': ('cl',),
        'carrying': ('cr',),
        'umbrella': ('ub',),
        'uniform': ('uf',),
        'occlusion': ('oc',),
        'night': ('nt',),
        'overall': ('01', '02', '03', '04'),
      },
      score=counting.view_pairs,
      gallery_required=False,
      definition='SUSTech1K. Gallery: conditions with 00-nm in their name. '
      'Probes: those with 01-nm (normal), bg (bag), cl (clothing), cr '
      '(carrying), ub (umbrella), uf (uniform), oc (occlusion), nt (night) or '
      'one of 01 to 04 (overall); the groups overlap. ' + _VIEW_PAIRS,
      parts=True,
    ),
    Protocol(
      name='ccpg',
      version=1,
      gallery=('U0_D0', 'U0_D3', 'U1_D1', 'U2_D2', 'U3_D3'),
      probes={
        'cl': ('U0_D0_BG', 'U0_D0'),
        'up': ('U3_D3',),
        'dn': ('U1_D0',),
        'bg': ('U0_D0_BG',),
      },
      galleries={
        'cl': ('U1_D1', 'U2_D2', 'U3_D3'),
        'up': ('U0_D3',),
        'dn': ('U1_D1',),
        'bg': ('U0_D0',),
      },
      score=counting.other_cameras,
      gallery_required=False,
      definition='CCPG. Probe and gallery differ in all clothes (cl), upper '
      '(up) or lower ones (dn), or in a bag (bg). Of each probe’s gallery the '
      'sequences of its own subject and camera are taken out; probes without a '
      'mate left are left out of every mean, and counted. rank1_view_pairs and '
      'rank1_all_views: rank-1 against the gallery of one camera, the mean '
      'over pairs of different cameras and over all pairs.',
      cameras=True,
    ),
  )
}
