"""What each data set should hold, and how its folders are named."""

import dataclasses
import itertools
import re
from collections.abc import Iterator

from selfgait_jax.data.walkers import walkers

_CASIA_B_VIEWS = tuple(f'{18 * n:03d}' for n in range(11))
_OU_MVLP_VIEWS = tuple(f'{15 * n:03d}' for n in (*range(7), *range(12, 19)))

# The names at one level of folders: a tuple of all of them, or a regular
# expression if they are not known in advance.
Names = tuple[str, ...] | str


@dataclasses.dataclass(frozen=True)
class Facts:
  """What a complete data set holds.

  Attributes:
    title: the name people use.
    name: of the TFDS builder, also `config.data.name`.
    subjects: names of the first level of folders, for example '001'.
    conditions: names of the second level, for example 'nm-01'.
    views: names of the third level, for example '090'.
    example: the folder of one sequence.
    num_subjects: in the complete data set; None if unknown.
    num_sequences: in the complete data set; None if unknown.
    note: a remark on the copies in circulation.
    aligned: whether the PNG files are already 64 x 64 frames.
    pickle: which of the pickles in a folder, sorted by name, has the
      silhouettes; None if a folder has only one.
    camera_pattern: regular expression of 'condition/view', whose group is the
      camera; None if the names do not tell which camera recorded a sequence.
    synchronised: whether the views of one subject and condition show the same
      walk, recorded by several cameras.
    numbered: conditions that only count the sequences of a subject. Preparation
      assigns them in the order of the views, the same on every disk.
    by_number: whether frames come in order of the numbers in their names, not
      of the names.
  """

  title: str
  name: str
  subjects: Names
  conditions: Names
  views: Names
  example: str
  num_subjects: int | None
  num_sequences: int | None
  note: str = ''
  aligned: bool = False
  pickle: int | None = None
  camera_pattern: str | None = '.*/(.*)'  # the view
  synchronised: bool = False
  numbered: tuple[str, ...] = ()
  by_number: bool = False

  @property
  def is_grid(self) -> bool:
    """Whether every subject has every condition and view, with known names."""
    levels = self.subjects, self.conditions, self.views
    return all(isinstance(names, tuple) for names in levels)

  def camera(self, condition: str, view: str) -> str:
    """The camera that recorded a sequence; '' if its names do not tell."""
    found = re.fullmatch(self.camera_pattern or '', f'{condition}/{view}')
    return found.group(1) if found else ''

  def sequences(self) -> Iterator[tuple[str, str, str]]:
    """Every (subject, condition, view) of a grid, in order."""
    return itertools.product(self.subjects, self.conditions, self.views)


def _grid(title, name, subjects, conditions, views, note=''):
  """A data set in which every subject has every condition and view."""
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
    synchronised=True,
  )


def is_among(name: str, names: Names) -> bool:
  """Whether a folder may have this name."""
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
  camera_pattern=r'camid(\d+)_.*',
)

GREW_PROBE = 'probe'  # folder of test sequences with unpublished subjects

GREW = Facts(
  title='GREW',
  name='grew',
  subjects=rf'\d{{5}}(train)?|{GREW_PROBE}',
  conditions=('00', '01', '02', '03'),
  views='.+',  # a hash
  example='00001train/00/4XPn5Z28',
  num_subjects=26_001,
  num_sequences=None,
  note='20,000 training subjects, 6,000 test subjects and the probe folder',
  aligned=True,
  camera_pattern=None,
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
  views='.+',
  example='000/U0_D0/07_1',
  camera_pattern=r'.*/(\d+).*',
  num_subjects=200,
  num_sequences=None,
  note='over 16,000 sequences are published',
  pickle=0,
)


# Any text on one line, short enough for the name of a staged file.
_ANY = r'[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,60}'
UNLABELLED = 'unlabelled'  # folder of `OWN` with clips of unknown people
ONE_VIEW = 'all'  # the view of a walk of `OWN` that has no folders of views

OWN = Facts(
  title='own silhouettes',
  name='own',
  subjects=_ANY,
  conditions=_ANY,
  views=_ANY,
  example='anna/coat-1/left',
  num_subjects=None,
  num_sequences=None,
  by_number=True,
)


def synthetic(num_subjects: int) -> Facts:
  """The synthetic walkers, in CASIA-B's layout."""
  return _grid(
    title='synthetic walkers',
    name='synthetic_gait',
    subjects=tuple(f'{n:03d}' for n in range(1, num_subjects + 1)),
    conditions=tuple(sorted(walkers.CONDITIONS)),
    views=walkers.VIEWS,
  )


BY_OPTION = {  # by the value of --dataset
  'casiab': CASIA_B,
  'oumvlp': OU_MVLP,
  'gait3d': GAIT3D,
  'grew': GREW,
  'sustech1k': SUSTECH1K,
  'ccpg': CCPG,
  'own': OWN,
}


def find(name: str) -> Facts | None:
  """The data set of this `config.data.name`; None if there is none."""
  known = (*BY_OPTION.values(), synthetic(1))
  return next((facts for facts in known if facts.name == name), None)
