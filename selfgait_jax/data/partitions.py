"""Which subjects train and which are tested: by rule, or read from a file."""

import dataclasses
import json
import pathlib

from absl import logging

from selfgait_jax import errors
from selfgait_jax.data import datasets

_PUBLISHED = {  # partitions that follow no rule
  datasets.GAIT3D.name: 'datasets/Gait3D/Gait3D.json',
  datasets.SUSTECH1K.name: 'datasets/SUSTech1K/SUSTech1K.json',
}
_SHOWN = 3  # names in a message


@dataclasses.dataclass(frozen=True)
class Partition:
  """Who trains and who is tested.

  Attributes:
    everyone: names that the data set may hold, sorted.
    train: subjects that train.
    test: subjects that are tested.
    probes: 'subject-condition-view' of the probes where a list names them.
    gallery: likewise of the gallery.
  """

  everyone: tuple[str, ...]
  train: tuple[str, ...]
  test: tuple[str, ...]
  probes: tuple[str, ...] | None = None
  gallery: tuple[str, ...] | None = None


def of(config) -> Partition:
  """The partition of a config.

  `data.partition_file` is a JSON file of OpenGait's form: TRAIN_SET, TEST_SET
  and, for some data sets, PROBE_SET and GALLERY_SET. Without it, by rule:

  CASIA-B: 001-074 train and 075-124 are tested; the `development` partition
  trains on 001-050 and tests on 051-074 (both as in Yu et al., ICPR 2006, and
  after). OU-MVLP: odd numbers up to 10305 train, the others are tested
  (Takemura et al., 2018). GREW: training subjects have names that end in
  `train`. CCPG: the first hundred train. Other data sets need a file.

  Raises:
    errors.UserError: there is no such partition, or the file is not one.
  """
  name, file = config.data.name, config.data.partition_file
  rules = _rules(config)
  if name not in rules:
    raise errors.UserError(
      f'expected config.data.name to be one of {", ".join(rules)}, found '
      f'{name!r}; change config.data.name'
    )
  known = rules[name]
  if file and config.data.partition != 'standard':
    raise errors.UserError(
      f'expected one partition, found {config.data.partition!r} and the file '
      f'{file}; change config.data.partition or config.data.partition_file'
    )
  if not known and not file:
    raise errors.UserError(
      f'expected a partition file for {name}, found none; set '
      f'config.data.partition_file{_hint(name)}'
    )
  if not file and config.data.partition not in known:
    raise errors.UserError(
      f'expected a partition of {name} ({" or ".join(known)}), found '
      f'{config.data.partition!r}; change config.data.partition'
    )
  sides = dict(known, file=_read(file, name)) if file else known
  train, test, *lists = sides['file' if file else config.data.partition]
  everyone = {s for side in sides.values() for s in (*side[0], *side[1])}
  return Partition(tuple(sorted(everyone)), train, test, *lists)


def check(config, sequences) -> None:
  """Compares the partition with what was prepared, before anything is learnt.

  Args:
    config: the whole config.
    sequences: (subject, condition, view) of every sequence of the data set.

  Raises:
    errors.UserError: a partition file names subjects or sequences that are not
      there.
  """
  partition, file = of(config), config.data.partition_file
  subjects = {subject for subject, _, _ in sequences}
  if config.data.name == datasets.GREW.name:
    if datasets.GREW_PROBE not in subjects:
      logging.log_first_n(
        logging.WARNING,
        'expected probe/03 of GREW, found none; everything runs, but no '
        'GREW_submission.csv will be written',
        1,
      )
    subjects.add(datasets.GREW_PROBE)
  named = {*partition.train, *partition.test} - excluded(config)
  missing = sorted(named - subjects)
  if file and missing:
    raise errors.UserError(
      f'expected the {len(named)} subjects of {file}, found {len(missing)} '
      f'missing in {config.data.name} ({_some(missing)}); prepare them, name '
      'them in config.data.exclude_subjects or change '
      'config.data.partition_file'
    )
  lists = {'PROBE_SET': partition.probes, 'GALLERY_SET': partition.gallery}
  tested = set(partition.test)
  there = {'-'.join(key) for key in sequences if key[0] in tested}
  for title, names in lists.items():
    if unknown := sorted(set(names or ()) - there):
      raise errors.UserError(
        f'expected the {len(names)} sequences of {title} in {file}, found '
        f'{len(unknown)} missing among those of the test subjects '
        f'({_some(unknown)}); prepare them or change config.data.partition_file'
      )


def excluded(config) -> set[str]:
  """Names of the subjects that the config leaves out."""
  return {s.strip() for s in config.data.exclude_subjects.split(',')} - {''}


def _rules(config):
  """{data set: {partition: (train, test)}}; no partition without a rule."""
  num_train = config.synthetic.train_subjects
  walkers = datasets.synthetic(num_train + config.synthetic.test_subjects)
  casia_b, ou_mvlp = datasets.CASIA_B.subjects, datasets.OU_MVLP.subjects
  odd = ou_mvlp[:-1:2]  # the last, 10307, is tested
  even = tuple(sorted(set(ou_mvlp) - set(odd)))
  grew = (
    tuple(f'{n:05d}train' for n in range(1, 20_001)),
    (*(f'{n:05d}' for n in range(1, 6001)), datasets.GREW_PROBE),
  )
  ccpg = datasets.CCPG.subjects
  return {
    datasets.CASIA_B.name: {
      'standard': (casia_b[:74], casia_b[74:]),
      'development': (casia_b[:50], casia_b[50:74]),
    },
    datasets.OU_MVLP.name: {'standard': (odd, even)},
    datasets.GAIT3D.name: {},
    datasets.GREW.name: {'standard': grew},
    datasets.SUSTECH1K.name: {},
    datasets.CCPG.name: {'standard': (ccpg[:100], ccpg[100:])},
    walkers.name: {
      'standard': (walkers.subjects[:num_train], walkers.subjects[num_train:])
    },
  }


def _read(file, name):
  """(train, test, probes, gallery) of a JSON file; None for a list it lacks."""
  try:
    content = json.loads(pathlib.Path(file).expanduser().read_text())
  except (OSError, ValueError) as error:  # UnicodeDecodeError is a ValueError
    raise errors.UserError(
      f'expected a partition in JSON at {file}, found none ({error}); change '
      f'config.data.partition_file{_hint(name)}'
    ) from error
  lists = []
  for title in ('TRAIN_SET', 'TEST_SET', 'PROBE_SET', 'GALLERY_SET'):
    names = content.get(title) if isinstance(content, dict) else None
    if names is None and title in ('PROBE_SET', 'GALLERY_SET'):
      lists.append(None)
      continue
    if not isinstance(names, list) or not all(
      isinstance(name, str) for name in names
    ):
      raise errors.UserError(
        f'expected a list of names under {title} in {file}, found '
        f'{type(names).__name__}; change config.data.partition_file'
      )
    lists.append(tuple(dict.fromkeys(names)))
  if both := sorted(set(lists[0]) & set(lists[1])):
    raise errors.UserError(
      f'expected no subject on both sides of {file}, found {len(both)} '
      f'({_some(both)}); change config.data.partition_file'
    )
  return tuple(lists)


def _hint(name):
  """Where the published partition of a data set is found."""
  if name not in _PUBLISHED:
    return ''
  return f' to a copy of {_PUBLISHED[name]} of github.com/ShiqiYu/OpenGait'


def _some(names):
  more = ', ...' if len(names) > _SHOWN else ''
  return ', '.join(names[:_SHOWN]) + more
