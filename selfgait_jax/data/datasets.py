"""What each data set should hold, and how its folders are named."""

import dataclasses
import itertools
import re

from selfgait_jax.data.walkers import walkers

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
    example: the folder of one sequence.
    num_subjects: of the complete data set.
    num_sequences: of the complete data set; None if it is not known.
    note: what is known of the copies in circulation.
    aligned: whether its PNG files come as 64 x 64 frames.
    pickle: place, by name, of the silhouettes among the pickles of a folder;
      None if a folder holds no other.
    numbered: conditions that only number the sequences of a subject; they are
      given anew in the order of the views, the same on any disk.
  """

  title: str
  name: str
  subjects: Names
  conditions: Names
  views: Names
  example: str
  num_subjects: int
  num_sequences: int | None
  note: str = ''
  aligned: bool = False
  pickle: int | None = None
  numbered: tuple[str, ...] = ()

  @property
  def is_grid(self) -> bool:
    """Whether every subject has every condition and view, all of known name."""
    levels = self.subjects, self.conditions, self.views
    return all(isinstance(names, tuple) for names in levels)

  def sequences(self):
    """Every (subject, condition, view) of a grid, in order."""
    return itertools.product(self.subjects, self.conditions, self.views)


def _grid(title, name, subjects, conditions, views, note=''):
  """Facts of a data set in which every subject has every condition and view."""
  return Facts(
    title=title,
    name=name,
    subjects=subjects,
    conditions=conditions,
    views=views,
    example='/'.join((subjects[0], conditions[-1], views[-1])),
    num_subjects=len(subjects),
    num_sequences=len(subjects) * len(conditions) * len(views),
    note=note,
  )


def is_among(name: str, names: Names) -> bool:
  """Whether a folder's name is one of those."""
  if isinstance(names, tuple):
    return name in names
  return re.fullmatch(names, name) is not None


CASIA_B = _grid(
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

OU_MVLP = _grid(
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
  example='0002/camid33_videoid2/seq0',
  num_subjects=4000,
  num_sequences=None,
  note='over 25,000 sequences are published',
)

GREW_PROBE = 'probe'  # holds test sequences whose subjects are not published

GREW = Facts(
  title='GREW',
  name='grew',
  subjects=rf'\d{{5}}(train)?|{GREW_PROBE}',
  conditions=('00', '01', '02', '03'),
  views='.+',  # a hash
  example='00001train/00/4XPn5Z28',
  num_subjects=26_001,
  num_sequences=None,
  note='20,000 subjects train, 6,000 are tested, and one is the probe folder',
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
  num_subjects=200,
  num_sequences=None,
  note='over 16,000 sequences are published',
  pickle=0,
)


def synthetic(num_subjects: int) -> Facts:
  """The synthetic walkers, in the layout of CASIA-B."""
  return _grid(
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
