"""What each data set should hold, and how its folders are named."""

import dataclasses
import itertools

from selfgait_jax.data import walkers

_CASIA_B_VIEWS = tuple(f'{18 * n:03d}' for n in range(11))
_OU_MVLP_VIEWS = tuple(f'{15 * n:03d}' for n in (*range(7), *range(12, 19)))


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
  """

  title: str
  name: str
  subjects: tuple[str, ...]
  conditions: tuple[str, ...]
  views: tuple[str, ...]
  note: str = ''

  def sequences(self):
    """Every (subject, condition, view), in order."""
    return itertools.product(self.subjects, self.conditions, self.views)


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


def synthetic(num_subjects: int) -> Facts:
  """The synthetic walkers, in the layout of CASIA-B."""
  return Facts(
    title='synthetic walkers',
    name='synthetic_gait',
    subjects=tuple(f'{n:03d}' for n in range(1, num_subjects + 1)),
    conditions=tuple(sorted(walkers.CONDITIONS)),
    views=walkers.VIEWS,
  )


BY_OPTION = {'casiab': CASIA_B, 'oumvlp': OU_MVLP}  # names of --dataset
