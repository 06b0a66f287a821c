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
_SHOWN = 3  # names in a message

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
    errors.UserError: the file is no partition, or has a subject on both sides.
  """
  try:
    content = json.loads(pathlib.Path(file).expanduser().read_text())
  except (OSError, ValueError) as error:  # UnicodeDecodeError is a ValueError
    raise errors.UserError(
      f'expected a partition in JSON at {file}, found none ({error}); change '
      f'config.data.partition_file{where_published(dataset)}'
    ) from error
  train, test, probes, gallery = (
    _names(content, title, file)
    for title in ('TRAIN_SET', 'TEST_SET', *_OPTIONAL)
  )
  if both := sorted(set(train) & set(test)):
    raise errors.UserError(
      f'expected no subject on both sides of {file}, found {len(both)} '
      f'({some(both)}); change config.data.partition_file'
    )
  return train, test, probes, gallery


def where_published(dataset: str) -> str:
  """The end of a message: where to find a data set's partition, if we know."""
  if dataset not in _PUBLISHED:
    return ''
  return f' to a copy of {_PUBLISHED[dataset]} of github.com/ShiqiYu/OpenGait'


def some(names: list[str]) -> str:
  """The first few of these names, for a message."""
  more = ', ...' if len(names) > _SHOWN else ''
  return ', '.join(names[:_SHOWN]) + more


def _names(content, title, file):
  """One list without repetitions; None if it is missing and may be."""
  names = content.get(title) if isinstance(content, dict) else None
  if names is None and title in _OPTIONAL:
    return None
  if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
    raise errors.UserError(
      f'expected a list of names under {title} in {file}, found '
      f'{type(names).__name__}; change config.data.partition_file'
    )
  return tuple(dict.fromkeys(names))
