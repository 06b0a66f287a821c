"""Reads a partition from a JSON file of OpenGait's form."""

import json
import pathlib

from selfgait_jax import errors
from selfgait_jax.data import datasets

_PUBLISHED = {  # partitions that follow no rule
  datasets.GAIT3D.name: 'datasets/Gait3D/Gait3D.json',
  datasets.SUSTECH1K.name: 'datasets/SUSTech1K/SUSTech1K.json',
}
_OPTIONAL = ('PROBE_SET', 'GALLERY_SET')
_LARGEST = 16 * 2**20  # bytes; published files have less than 1 MB
_SHOWN, _SHOWN_LENGTH = 3, 60  # names in a message, and their characters

Names = tuple[str, ...]


def read(
  file: str, dataset: str
) -> tuple[Names, Names, Names | None, Names | None]:
  """Returns the names under TRAIN_SET, TEST_SET, PROBE_SET and GALLERY_SET.

  Args:
    file: path of the JSON file.
    dataset: its name, for the message.

  Returns:
    Subjects to train on and to test; probes and gallery as
    'subject-condition-view', None for a list that the file does not have.

  Raises:
    errors.UserError: the file is no partition, has no subjects, or has one on
      both sides.
  """
  try:
    content = _load(pathlib.Path(file).expanduser())
  except Exception as error:  # RecursionError and MemoryError among others
    raise errors.UserError(
      f'expected a partition in JSON at {errors.printable(file)}, found none '
      f'({errors.first_line(error)}); change '
      f'config.data.partition_file{where_published(dataset)}'
    ) from error
  train, test, probes, gallery = (
    _names(content, title, file)
    for title in ('TRAIN_SET', 'TEST_SET', *_OPTIONAL)
  )
  if not train and not test:
    raise errors.UserError(
      f'expected subjects under TRAIN_SET or TEST_SET in '
      f'{errors.printable(file)}, found none; change config.data.partition_file'
    )
  if both := sorted(set(train) & set(test)):
    raise errors.UserError(
      f'expected no subject on both sides of {errors.printable(file)}, found '
      f'{len(both)} ({some(both)}); change config.data.partition_file'
    )
  return train, test, probes, gallery


def where_published(dataset: str) -> str:
  """The end of a message: where to find a data set's partition, if we know."""
  if dataset == datasets.OWN.name:
    return ' to the own.json that scripts/prepare_silhouettes.py wrote'
  if dataset not in _PUBLISHED:
    return ''
  return f' to a copy of {_PUBLISHED[dataset]} of github.com/ShiqiYu/OpenGait'


def some(names: list[str]) -> str:
  """The first few of these names, for a message."""
  more = ', ...' if len(names) > _SHOWN else ''
  shown = (errors.printable(name, _SHOWN_LENGTH) for name in names[:_SHOWN])
  return ', '.join(shown) + more


def _load(path):
  """The content of a JSON file; an error of any type if it is not one."""
  if not path.is_file():  # reading from a pipe might never end
    raise ValueError('no file')
  if path.stat().st_size > _LARGEST:
    raise ValueError(f'a file of more than {_LARGEST // 2**20} MB')
  return json.loads(path.read_text(encoding='utf-8'))


def _names(content, title, file):
  """One list without repetitions; None if it is missing and may be."""
  names = content.get(title) if isinstance(content, dict) else None
  if names is None and title in _OPTIONAL:
    return None
  if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
    raise errors.UserError(
      f'expected a list of names under {title} in {errors.printable(file)}, '
      f'found {type(names).__name__}; change config.data.partition_file'
    )
  return tuple(dict.fromkeys(names))
