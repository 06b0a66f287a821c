"""Folders of PNG files or OpenGait pickles, one sequence at a time."""

import dataclasses
import hashlib
import os
import pathlib
import re

from selfgait_jax import errors
from selfgait_jax.data import datasets
from selfgait_jax.data.prepare import layouts, pickles, silhouettes

_SUFFIXES = {'png': '.png', 'pickle': '.pkl'}


@dataclasses.dataclass(frozen=True)
class TreeSource:
  """A tree on disk and how to read it; travels to the worker processes.

  Attributes:
    facts: of the data set the tree should hold.
    root: its folder.
    format: 'png' or 'pickle'.
    aligned: whether PNG frames are 64 x 64 already.
    layout: of its folders, see `layouts`.
  """

  facts: datasets.Facts
  root: pathlib.Path
  format: str
  aligned: bool
  layout: str

  @property
  def home(self) -> str:
    """Where the prepared data set lives in the TFDS data directory."""
    return self.facts.name

  def describe(self) -> dict:
    """What a prepared data set is remembered by."""
    return {
      'input': str(self.root),
      'format': self.format,
      'aligned': self.aligned,
    }

  def subjects(self) -> list[str]:
    """Names of the subjects found, sorted."""
    return layouts.subjects(self.root, self.layout)

  def stamp(self, subject: str) -> str:
    """Changes when a file of the subject or the way of reading changes."""
    digest = hashlib.sha256(repr(self.describe()).encode())
    for _, _, folder in self._sequence_folders(subject):
      for path in self._files(folder):
        state = path.lstat()
        digest.update(os.fsencode(path))
        digest.update(f':{state.st_size}:{state.st_mtime_ns};'.encode())
    return digest.hexdigest()

  def sequences(self, subject: str):
    """Reads one subject.

    Yields:
      (condition, view, frames uint8 [T, 64, 64] or None, number of masks left
      out as too small, list of (file, reason) refused).
    """
    if not datasets.is_among(subject, self.facts.subjects):
      reason = f'no subject of {self.facts.title}'
      yield '', '', None, 0, [(subject, reason)]
      return
    for condition, view, folder in self._sequence_folders(subject):
      frames, dropped, refused = None, 0, []
      files = self._files(folder)
      try:
        if not datasets.is_among(condition, self.facts.conditions):
          raise silhouettes.Refused(f'no condition of {self.facts.title}')
        if not datasets.is_among(view, self.facts.views):
          raise silhouettes.Refused(f'no view of {self.facts.title}')
        frames, dropped, refused = self._read(files)
      except (silhouettes.Refused, OSError) as error:
        refused = [(files[0] if len(files) == 1 else folder, str(error))]
      names = [(self._relative(path), reason) for path, reason in refused]
      yield condition, view, frames, dropped, names

  def _read(self, files):
    if not files:
      raise silhouettes.Refused(
        f'a sequence without frames (no {_SUFFIXES[self.format]} file)'
      )
    if self.format == 'png':
      return silhouettes.from_pngs(files, self.aligned)
    place = self.facts.pickle if len(files) > 1 else 0
    if place is None or place >= len(files):
      wanted = 'one' if place is None else f'one or at least {place + 1}'
      raise silhouettes.Refused(f'{len(files)} pickles, expected {wanted}')
    return silhouettes.from_array(pickles.read_array(files[place])), 0, []

  def _sequence_folders(self, subject):
    """(condition, view, folder) of every sequence of a subject, sorted."""
    if not datasets.is_among(subject, self.facts.subjects):
      return []
    return layouts.sequences(self.root, self.layout, self.facts, subject)

  def _files(self, folder):
    return sorted(
      path
      for path in layouts.entries(folder)
      if path.suffix.lower() == _SUFFIXES[self.format]
      and path.name != 'gei.png'  # an average that some copies carry
      and not path.name.startswith('.')
    )

  def _relative(self, path):
    return str(path.relative_to(self.root))


def open_tree(
  facts: datasets.Facts,
  root: str | pathlib.Path,
  format: str = 'auto',
  aligned: bool = False,
) -> TreeSource:
  """Recognises the layout and the format of a tree.

  Raises:
    errors.UserError: the folder is missing, empty or laid out otherwise.
  """
  root = pathlib.Path(root).expanduser().resolve()
  if not root.is_dir():
    raise errors.UserError(
      f'expected a folder of {facts.title} silhouettes, found none at {root};'
      ' change --input'
    )
  aligned = aligned or facts.aligned
  source = TreeSource(
    facts, root, 'png', aligned, layouts.recognise(root, facts)
  )
  first = {}  # the first file of each format
  for subject in source.subjects():
    for _, _, folder in source._sequence_folders(subject):
      for name in _SUFFIXES:
        files = dataclasses.replace(source, format=name)._files(folder)
        if files:
          first.setdefault(name, files[0])
    if first:
      break
  wanted = _SUFFIXES if format == 'auto' else (format,)
  known = [name for name in wanted if name in first]
  if not known:
    raise _wrong_layout(source, wanted)
  source = dataclasses.replace(source, format=known[0])
  if source.format == 'png' and not aligned:
    _check_is_raw(first['png'])
  return source


def _check_is_raw(path):
  try:
    shape = silhouettes.read_png(path).shape
  except (silhouettes.Refused, OSError):
    return  # reported by name when its turn comes
  if shape[0] == silhouettes.SIZE and shape[1] <= silhouettes.SIZE:
    raise errors.UserError(
      f'expected raw masks, found frames of {shape[0]} x {shape[1]} pixels'
      f' ({path}); add --aligned if they are aligned already'
    )


def _wrong_layout(source, wanted):
  suffixes = ' or '.join(_SUFFIXES[name] for name in wanted)
  facts = source.facts
  entries = sorted(path.name for path in layouts.entries(source.root))
  if not entries:
    found = 'an empty folder'
  else:
    found = ', '.join(entries[:4]) + (', ...' if len(entries) > 4 else '')
  hint = (
    'unpack the archives first'
    if any(re.search(r'\.(tar|tgz|zip|gz|7z)\b', name) for name in entries)
    else 'point --input at the folder that holds the subjects'
  )
  return errors.UserError(
    f'expected {suffixes} files in subject/condition/view folders such as'
    f' {facts.example}/ under {source.root}, found {found}; {hint}'
  )
