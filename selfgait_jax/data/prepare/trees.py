"""Reads folders of PNG files or OpenGait pickles, one sequence at a time."""

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import re
from collections.abc import Iterator

from selfgait_jax import errors
from selfgait_jax.data import datasets
from selfgait_jax.data.prepare import (
  alignment,
  layouts,
  pickles,
  png,
  silhouettes,
  sources,
)
from selfgait_jax.data.prepare.reading import Refused, limits

_SUFFIXES = {'png': '.png', 'pickle': '.pkl'}
# Of OpenGait's Gait3D-merged-pkl, where body models lie beside them.
_MERGED_PREFIX = 'sils-'


@dataclasses.dataclass(frozen=True)
class TreeSource:
  """A tree on disk and how to read it; it is pickled for the workers.

  Attributes:
    facts: about the data set that the tree should hold.
    root: the folder of the tree.
    format: 'png' or 'pickle'.
    aligned: whether PNG frames are 64 x 64 already.
    layout: of the folders, see `layouts`.
  """

  facts: datasets.Facts
  root: pathlib.Path
  format: str
  aligned: bool
  layout: str

  @property
  def home(self) -> str:
    """Folder of the prepared data set in the TFDS data directory."""
    return self.facts.name

  def describe(self) -> dict:
    """Identifies the prepared data: where they come from and how."""
    return {
      'input': str(self.root),
      'format': self.format,
      'aligned': self.aligned,
    }

  def subjects(self) -> list[str]:
    """Names of the subjects found, sorted."""
    return [name for name in self._folders() if self._knows(name)]

  def strangers(self) -> list[tuple[str, str]]:
    """(folder, reason) of the folders that are no subject of the data set."""
    reason = f'no subject of {self.facts.title}'
    return [(name, reason) for name in self._folders() if not self._knows(name)]

  def stamp(self, subject: str) -> str:
    """Changes when a file of the subject or the way of reading changes."""
    digest = hashlib.sha256(repr(self.describe()).encode())
    for _, _, folder in self._sequence_folders(subject):
      for path in self._files(folder):
        digest.update(os.fsencode(path))
        with contextlib.suppress(OSError):  # it has gone
          state = path.lstat()
          digest.update(f':{state.st_size}:{state.st_mtime_ns};'.encode())
    return digest.hexdigest()

  def sequences(self, subject: str) -> Iterator[sources.Sequence]:
    """Reads one subject; a bad file never ends it."""
    places = {}
    for condition, view, folder in self._sequence_folders(subject):
      first = places.setdefault((condition, view), folder)
      sequence = sources.Sequence(condition, view)
      files = self._files(folder)
      try:
        self._check_names(condition, view)
        if first != folder:
          raise Refused(f'the same sequence as {self._relative(first)}')
        with limits():
          read = self._read(files)
        sequence.frames, sequence.too_small = read.frames, read.too_small
        sequence.remarks, refused = read.remarks, read.refused
      except Exception as error:
        reason = str(error)
        if not isinstance(error, (Refused, OSError)):
          reason = f'{type(error).__name__}: {error}'
        refused = [(files[0] if len(files) == 1 else folder, reason)]
      sequence.refused = [
        (self._relative(path), errors.printable(reason))
        for path, reason in refused
      ]
      yield sequence

  def _read(self, files):
    if not files:
      raise Refused(
        f'a sequence without frames (no {_SUFFIXES[self.format]} file)'
      )
    if self.format == 'png':
      return silhouettes.from_pngs(files, self.aligned)
    array = pickles.read_array(self._with_silhouettes(files))
    return silhouettes.from_array(array)

  def _with_silhouettes(self, files):
    """The pickle, among those of one folder, that holds the silhouettes."""
    merged = [path for path in files if path.name.startswith(_MERGED_PREFIX)]
    if len(merged) == 1:
      return merged[0]
    place = self.facts.pickle if len(files) > 1 else 0
    if place is None or place >= len(files):
      wanted = 'one' if place is None else f'one or at least {place + 1}'
      raise Refused(f'{len(files)} pickles, expected {wanted}')
    return files[place]

  def _check_names(self, condition, view):
    for name, known, level in (
      (condition, self.facts.conditions, 'condition'),
      (view, self.facts.views, 'view'),
    ):
      if not name.isprintable():
        raise Refused(f'a {level} that is not printable UTF-8 text')
      if not datasets.is_among(name, known):
        raise Refused(f'no {level} of {self.facts.title}')

  def _knows(self, subject):
    return datasets.is_among(subject, self.facts.subjects)

  def _folders(self):
    return layouts.subjects(self.root, self.layout)

  def _sequence_folders(self, subject):
    """(condition, view, folder) of every sequence of a subject, sorted."""
    return layouts.sequences(self.root, self.layout, self.facts, subject)

  def _files(self, folder):
    found = sorted(
      path
      for path in layouts.entries(folder)
      if path.suffix.lower() == _SUFFIXES[self.format]
      and path.name != 'gei.png'  # an average frame, found in some copies
      and not path.name.startswith('.')
    )
    if self.facts.by_number:
      found.sort(key=lambda path: layouts.by_number(path.name))
    return found

  def _relative(self, path):
    return str(path.relative_to(self.root))


def open_tree(
  facts: datasets.Facts,
  root: str | pathlib.Path,
  format: str = 'auto',
  aligned: bool = False,
) -> TreeSource:
  """Recognises the layout and the format of a tree.

  Args:
    facts: about the data set that the tree should hold.
    root: folder of the tree.
    format: 'png', 'pickle', or 'auto' for the one that is found first.
    aligned: whether PNG frames are 64 x 64 already.

  Raises:
    errors.UserError: the folder is missing, empty or of another layout.
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
    with limits():
      shape = png.read(path)[0].shape
  except (Refused, OSError):
    return  # preparation will report it by name
  if shape[0] == alignment.SIZE and shape[1] <= alignment.SIZE:
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
    names = [errors.printable(name, 50) for name in entries[:4]]
    found = ', '.join(names) + (', ...' if len(entries) > 4 else '')
  hint = (
    'unpack the archives first'
    if any(re.search(r'\.(tar|tgz|zip|gz|7z)\b', name) for name in entries)
    else 'point --input at the folder that holds the subjects'
  )
  return errors.UserError(
    f'expected {suffixes} files in subject/condition/view folders such as'
    f' {facts.example}/ under {source.root}, found {found}; {hint}'
  )
