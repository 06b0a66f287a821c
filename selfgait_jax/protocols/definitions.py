"""The evaluation protocols by name; `protocols.evaluate` applies them.

Each definition has a version, which goes up whenever a number changes.
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
    version: of the definition.
    gallery: conditions of gallery sequences.
    probes: conditions of each probe group; a single group is named 'all'.
    score: the function of `counting.py` that scores a probe group.
    gallery_required: whether a probe subject without any gallery sequence is
      an error. If not, the data set is like that and its probes are misses.
    definition: the rules in words, for reports.
    galleries: conditions of each probe group's gallery, where they differ.
    parts: whether `gallery` and `probes` name parts of conditions, such as 'bg'
      for '01-bg'.
    cameras: whether the camera is compared in place of the view: the part of
      the view's name before the first '_'.
    recordings: whether every sequence is probe and gallery, and the condition,
      which names the recording, is compared in place of the view.
    listed: whether lists of names, not conditions, tell probes from gallery.
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
  recordings: bool = False
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
    """Name of a probe group in tables, for example 'NM#5-6'."""
    prefix, members = f'{group}-', self.probes.get(group, ())
    numbers = [c.removeprefix(prefix) for c in members if c.startswith(prefix)]
    if not numbers or not all(number.isdigit() for number in numbers):
      return group.upper()
    ends = sorted({int(numbers[0]), int(numbers[-1])})
    return f'{group.upper()}#{"-".join(map(str, ends))}'

  def rows(self, conditions: np.ndarray, wanted: tuple[str, ...]) -> np.ndarray:
    """Rows of the sequences whose condition is one of `wanted`."""
    if self.recordings:
      return np.arange(len(conditions))
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

_VERIFICATION = (
  ' EER and TAR at FAR 1 %: one threshold on the distance accepts or rejects '
  'the pairs of probe and gallery sequence '
)
_VIEW_PAIRS = (
  'For every pair of probe view and gallery view: the share of probes whose '
  'subject is among the k nearest gallery sequences of that one view; a probe '
  'without a mate there is a miss. Rank-k is the mean over gallery views other '
  'than the probe view, then over probe views (identical views excluded); '
  'all_views keeps identical views. mAP: the same means of the average '
  'precision, of probes with a mate.' + _VERIFICATION + 'of different views.'
)
_CROSS_VIEW = (
  'The gallery holds all views at once; only the sequences of the probe’s own '
  'subject and view are taken out. Rank-k: share of probes of a view with a '
  'mate among the k nearest, a probe without a mate is a miss; mAP: of probes '
  'with a mate; both are means over probe views.'
  + _VERIFICATION
  + 'that are ranked.'
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
      'their camera. Probes without a mate are left out of every score, and '
      'counted.' + _VERIFICATION + 'that are ranked.',
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
      'Gallery 01 and probe 02 hold one sequence per subject, the first and '
      'the second by name. Rank-k: share of probes with a mate among the k '
      'nearest, a probe without a mate is a miss; mAP and mINP: of probes with '
      'a mate.' + _VERIFICATION + 'that are ranked.',
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
      '(up) or lower ones (dn), or in a bag (bg). Each probe’s gallery leaves '
      'out its own subject under its own camera; probes that then have no mate '
      'are left out of every score, and counted. rank1_view_pairs and '
      'rank1_all_views: rank-1 against the gallery of one camera, the mean '
      'over pairs of different cameras and over all pairs.'
      + _VERIFICATION
      + 'that are ranked.',
      cameras=True,
    ),
    Protocol(
      name='own',
      version=1,
      gallery=(),
      probes={'all': ()},
      score=counting.other_recordings,
      gallery_required=False,
      definition='Own silhouettes. Every sequence is compared with all others. '
      'Its own recording, which is its subject and condition in all views, is '
      'taken out of its gallery; probes that then have no mate are left out of '
      'every score, and counted.' + _VERIFICATION + 'that are ranked.',
      recordings=True,
    ),
  )
}
