"""What each data set should hold, and how its folders are named."""

import dataclasses
import itertools
import math
import re

from selfgait_jax.data import walkers

_CASIA_B_VIEWS = tuple(f'{18 * n:03d}' for n in range(11))
_OU_MVLP_VIEWS = tuple(f'{15 * n:03d}' for n in (*range(7), *range(12, 19)))

# The names at one level of the folders: all of them, or, where only a tree
# can list them, a regular expression.
Names = tuple[str, ...] | str


@dataclasses.dataclass(frozen=True)
class Facts:
  """Names of everything in a complete data set.

  Attributes:
    title: the name people use.
    name: of the TFDS builder.
    subjects: for example '001'.
    conditions: for example 'nm-01'.
    views: for example '090'.
    note: what is known of the copies in circulation.
    example: subject/condition/view of one sequence; names say it by themselves.
    num_subjects: of the complete data set; names say it by themselves.
    num_sequences: likewise; None where it is not known.
    aligned: whether its PNG files come as 64 x 64 frames.
    pickle: place of the silhouettes among the pickles of a folder, by name,
      if the data set has several there; a single one is taken in any case.
    numbered: conditions that only number the sequences of a subject; they are
      given anew in the order of the views, which is the same on any disk.
  """

  title: str
  name: str
  subjects: Names
  conditions: Names
  views: Names
  note: str = ''
  example: str = ''
  num_subjects: int | None = None
  num_sequences: int | None = None
  aligned: bool = False
  pickle: int | None = None
  numbered: tuple[str, ...] = ()

  def __post_init__(self):
    levels = self.subjects, self.conditions, self.views
    derived = {}
    if isinstance(self.subjects, tuple):
      derived['num_subjects'] = len(self.subjects)
    if self.is_listed:
      example = self.subjects[0], self.conditions[-1], self.views[-1]
      derived['example'] = '/'.join(example)
      derived['num_sequences'] = math.prod(map(len, levels))
    for field, value in derived.items():
      object.__setattr__(self, field, value)

  @property
  def is_listed(self) -> bool:
    """Whether every subject has every condition and view, all of known name."""
    levels = self.subjects, self.conditions, self.views
    return all(isinstance(names, tuple) for names in levels)

  def sequences(self):
    """Every (subject, condition, view) in order; only where all are listed."""
    return itertools.product(self.subjects, self.conditions, self.views)


def is_among(name: str, names: Names) -> bool:
  """Whether a folder's name is one of those."""
  if isinstance(names, tuple):
    return name in names
  return re.fullmatch(names, name) is not None


CASIA_B = Facts(
  title='CASIA-B',
  name='casia_b',
  subjects=tuple(f'{n:03d}' for n in range(1, 125)),
  conditions=(
    *(f'bg-{n:02d}' for n in (1, 2)),
    *(f'cl-{n:02d}' for n in (1, 2)),
    *(f'nm-{n:02d}' for n in range(1, 7)),
  ),
  views=_CASIA_B_VIEWS,
  note='copies in circulation hold about 13,592; subject 005 is incomplete',
)

OU_MVLP = Facts(
  title='OU-MVLP',
  name='ou_mvlp',
  subjects=tuple(f'{n:05d}' for n in range(1, 10_308)),
  conditions=('00', '01'),
  views=_OU_MVLP_VIEWS,
  note='not every subject was recorded by every camera',
)

GAIT3D = Facts(
  title='Gait3D',
  name='gait3d',
  subjects=tuple(f'{n:04d}' for n in range(4000)),
  conditions=r'camid\d+_videoid\d+',
  views=r'seq\d+',
  note='over 25,000 sequences by 39 cameras are published',
  example='0002/camid33_videoid2/seq0',
)

GREW_PROBE = 'probe'  # holds test sequences whose subjects are not published

GREW = Facts(
  title='GREW',
  name='grew',
  subjects=rf'\d{{5}}(train)?|{GREW_PROBE}',
  conditions=('00', '01', '02', '03'),
  views='.+',  # a hash
  note='20,000 training and 6,000 test subjects, and the unlabelled probe',
  example='00001train/00/4XPn5Z28',
  num_subjects=26_001,
  aligned=True,
  numbered=('01', '02'),
)

SUSTECH1K = Facts(
  title='SUSTech1K',
  name='sustech1k',
  subjects=r'\d{4}',
  conditions=r'\d\d-.+',
  views=r'\d{3}.*',
  example='0000/00-nm/000',
  num_subjects=1050,
  num_sequences=25_239,
  pickle=6,
)

CCPG = Facts(
  title='CCPG',
  name='ccpg',
  subjects=tuple(f'{n:03d}' for n in range(200)),
  conditions=r'U\d_D\d(_BG)?',
  views='.+',  # begins with the camera
  example='000/U0_D0/07_1',
  pickle=0,
)


def synthetic(num_subjects: int) -> Facts:
  """The synthetic walkers, in the layout of CASIA-B."""
  return Facts(
    title='synthetic walkers',
    name='synthetic_gait',
    subjects=tuple(f'{n:03d}' for n in range(1, num_subjects + 1)),
    conditions=tuple(sorted(walkers.CONDITIONS)),
    views=walkers.VIEWS,
  )


BY_OPTION = {  # names of --dataset
  'casiab': CASIA_B,
  'oumvlp': OU_MVLP,
  'gait3d': GAIT3D,
  'grew': GREW,
  'sustech1k': SUSTECH1K,
  'ccpg': CCPG,
}
