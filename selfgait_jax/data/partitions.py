"""Which subjects train and which are tested: by rule, or read from a file."""

import dataclasses
from collections.abc import Iterable

import ml_collections
from absl import logging

from selfgait_jax import errors
from selfgait_jax.data import datasets, partition_file

_ODD = datasets.OU_MVLP.subjects[:-1:2]  # the last, 10307, is tested
_OU_MVLP = _ODD, tuple(sorted({*datasets.OU_MVLP.subjects} - {*_ODD}))
_GREW = (
  tuple(f'{n:05d}train' for n in range(1, 20_001)),
  (*(f'{n:05d}' for n in range(1, 6001)), datasets.GREW_PROBE),
)


@dataclasses.dataclass(frozen=True)
class Partition:
  """Who trains and who is tested.

  Attributes:
    everyone: all subjects of all partitions of the data set, sorted.
    train: training subjects.
    test: test subjects.
    probes: 'subject-condition-view' of the probes if a file lists them.
    gallery: the same of the gallery.
  """

  everyone: tuple[str, ...]
  train: tuple[str, ...]
  test: tuple[str, ...]
  probes: tuple[str, ...] | None = None
  gallery: tuple[str, ...] | None = None


def of(config: ml_collections.ConfigDict) -> Partition:
  """Returns the partition of a config.

  `data.partition_file` is a JSON file of OpenGait's form: TRAIN_SET, TEST_SET
  and, for some data sets, PROBE_SET and GALLERY_SET. Without it, by rule:

  - CASIA-B: 001-074 train and 075-124 are tested; the `development` partition
    trains on 001-050 and tests on 051-074 (Yu et al., ICPR 2006, and later
    work).
  - OU-MVLP: odd numbers up to 10305 train, the others are tested (Takemura et
    al., 2018).
  - GREW: subjects whose name ends in `train` train.
  - CCPG: the first hundred train.

  Other data sets need a file.

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
      f'config.data.partition_file{partition_file.where_published(name)}'
    )
  if not file and config.data.partition not in known:
    raise errors.UserError(
      f'expected a partition of {name} ({" or ".join(known)}), found '
      f'{config.data.partition!r}; change config.data.partition'
    )
  sides = dict(known, file=partition_file.read(file, name)) if file else known
  train, test, *lists = sides['file' if file else config.data.partition]
  everyone = {s for side in sides.values() for s in (*side[0], *side[1])}
  return Partition(tuple(sorted(everyone)), train, test, *lists)


def check(
  config: ml_collections.ConfigDict, sequences: Iterable[tuple[str, str, str]]
) -> None:
  """Compares the partition with the prepared data before anything is learned.

  Args:
    config: the whole config.
    sequences: (subject, condition, view) of every sequence of the data set.

  Raises:
    errors.UserError: a partition file names subjects or sequences that are
      missing.
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
      f'missing in {config.data.name} ({partition_file.some(missing)}); '
      'prepare them, name them in config.data.exclude_subjects or change '
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
        f'({partition_file.some(unknown)}); prepare them or change '
        'config.data.partition_file'
      )


def excluded(config: ml_collections.ConfigDict) -> set[str]:
  """Names of the subjects that the config leaves out."""
  return {s.strip() for s in config.data.exclude_subjects.split(',')} - {''}


def _rules(config):
  """{data set: {partition: (train, test)}}; {} for a set that needs a file."""
  num_train = config.synthetic.train_subjects
  walkers = datasets.synthetic(num_train + config.synthetic.test_subjects)
  casia_b, ccpg = datasets.CASIA_B.subjects, datasets.CCPG.subjects
  return {
    datasets.CASIA_B.name: {
      'standard': (casia_b[:74], casia_b[74:]),
      'development': (casia_b[:50], casia_b[50:74]),
    },
    datasets.OU_MVLP.name: {'standard': _OU_MVLP},
    datasets.GAIT3D.name: {},
    datasets.GREW.name: {'standard': _GREW},
    datasets.SUSTECH1K.name: {},
    datasets.OWN.name: {},
    datasets.CCPG.name: {'standard': (ccpg[:100], ccpg[100:])},
    walkers.name: {
      'standard': (walkers.subjects[:num_train], walkers.subjects[num_train:])
    },
  }
