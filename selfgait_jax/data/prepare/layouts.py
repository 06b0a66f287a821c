"""How the folders of a tree name subject, condition and view.

There are four layouts:
  subject: subject/condition/view, OpenGait's layout for every data set.
  view: Silhouette_VIEW-SEQUENCE/subject, as OU-MVLP is downloaded.
  split: train/subject/view, test/gallery/subject/view and test/probe/view, as
    GREW is downloaded.
  own: subject/walk or subject/condition/view, side by side.
"""

import pathlib
import re

from selfgait_jax.data import datasets

FRAMES = ('.png', '.pkl')  # endings of the files of a sequence
_OU_MVLP_FOLDER = re.compile(r'Silhouette_(\d{3})-(\d{2})')


def recognise(root: pathlib.Path, facts: datasets.Facts) -> str:
  """The layout of a tree."""
  found = folders(root)
  if any(_view_and_sequence(folder) for folder in found):
    return 'view'
  if facts.name == datasets.GREW.name and {'train', 'test'} & {
    f.name for f in found
  }:
    return 'split'
  return 'own' if facts.name == datasets.OWN.name else 'subject'


def subjects(root: pathlib.Path, layout: str) -> list[str]:
  """Names of the subject folders found, sorted."""
  if layout == 'view':
    parents = [f for f in folders(root) if _view_and_sequence(f)]
  elif layout == 'split':
    parents = [root / 'test' / 'gallery']
  else:
    parents = [root]
  found = {folder.name for parent in parents for folder in folders(parent)}
  if layout == 'split':
    found |= {f'{f.name}train' for f in folders(root / 'train')}
    found |= {f.name for f in folders(root / 'test') if f.name == 'probe'}
  return sorted(found)


def sequences(
  root: pathlib.Path, layout: str, facts: datasets.Facts, subject: str
) -> list[tuple[str, str, pathlib.Path]]:
  """(condition, view, folder) of every sequence of a subject, sorted."""
  if layout == 'view':
    found = [
      (sequence, view, folder / subject)
      for folder in folders(root)
      for view, sequence in [_view_and_sequence(folder) or ('', '')]
      if view and _is_folder(folder / subject)
    ]
  elif layout == 'split':
    place, condition = _place_in_split(subject)
    found = [(condition, f.name, f) for f in folders(root / place)]
  elif layout == 'own':
    found = [row for walk in folders(root / subject) for row in _views(walk)]
  else:
    found = [
      (condition.name, view.name, view)
      for condition in folders(root / subject)
      for view in folders(condition)
    ]
  return sorted(_number(found, facts.numbered))


def by_number(name: str) -> list[str | int]:
  """A key that sorts names by the numbers in them: '2.png', then '10.png'."""
  # Text and digits take turns, so two keys never compare text with a number.
  parts = re.split(r'([0-9]+)', name)
  return [int(part) if i % 2 else part for i, part in enumerate(parts)]


def folders(parent: pathlib.Path) -> list[pathlib.Path]:
  """Folders in a folder, sorted, except for hidden ones."""
  return sorted(
    path
    for path in entries(parent)
    if _is_folder(path) and not path.name.startswith('.')
  )


def entries(folder: pathlib.Path) -> list[pathlib.Path]:
  """Everything in a folder; nothing if it cannot be read."""
  try:
    return list(folder.iterdir())
  except OSError:
    return []


def _is_folder(path):
  try:
    return path.is_dir()
  except OSError:  # no permission, or a path that is too long
    return False


def _views(walk):
  """(condition, view, folder) of a walk, which may be its own only view."""
  views = folders(walk)
  if not views or any(p.suffix.lower() in FRAMES for p in entries(walk)):
    yield walk.name, datasets.ONE_VIEW, walk
  for view in views:
    yield walk.name, view.name, view


def _place_in_split(subject):
  """Folder of a subject in GREW's download, and the condition it implies."""
  if subject == datasets.GREW_PROBE:
    return 'test/probe', '03'
  if subject.endswith('train'):
    return f'train/{subject.removesuffix("train")}', '00'
  return f'test/gallery/{subject}', '01'


def _number(found, numbered):
  """Renumbers the conditions in `numbered` by the order of the views.

  GREW's 01 and 02 only number the two sequences of a subject, in the order in
  which a disk listed them.
  """
  others = [row for row in found if row[0] not in numbered]
  ours = sorted(row[1:] for row in found if row[0] in numbered)
  last = len(numbered) - 1
  return others + [
    (numbered[min(place, last)], *row) for place, row in enumerate(ours)
  ]


def _view_and_sequence(folder):
  match = _OU_MVLP_FOLDER.fullmatch(folder.name)
  return match.groups() if match else None
