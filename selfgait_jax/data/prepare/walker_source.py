"""The synthetic walkers as a source of sequences for preparation."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Iterator
from typing import ClassVar

from selfgait_jax.data import datasets, draws
from selfgait_jax.data.prepare import sources
from selfgait_jax.data.walkers import walkers


@dataclasses.dataclass(frozen=True)
class WalkerSource:
  """Renders sequences; has the methods of `trees.TreeSource`.

  Attributes:
    num_subjects: their names are '001', '002' and so on.
    frames: of each sequence.
    seed: of all random draws.
  """

  root: ClassVar[None] = None  # reads no files
  num_subjects: int
  frames: int
  seed: int

  @property
  def facts(self) -> datasets.Facts:
    return datasets.synthetic(self.num_subjects)

  @property
  def config(self) -> str:
    """Name of the TFDS builder config."""
    return f's{self.num_subjects}-f{self.frames}-seed{self.seed}'

  @property
  def home(self) -> str:
    """Folder of the prepared data set in the TFDS data directory."""
    return f'{self.facts.name}/{self.config}'

  def describe(self) -> dict:
    """Identifies the prepared data: the settings and the renderer's code."""
    code = hashlib.sha256()
    folder = pathlib.Path(walkers.__file__).parent
    for path in (pathlib.Path(draws.__file__), *sorted(folder.glob('*.py'))):
      code.update(path.read_bytes())
    return {**dataclasses.asdict(self), 'renderer': code.hexdigest()[:16]}

  def subjects(self) -> list[str]:
    return list(self.facts.subjects)

  def stamp(self, subject: str) -> str:
    return f'{subject} {self.describe()}'

  def strangers(self) -> list[tuple[str, str]]:
    return []

  def sequences(self, subject: str) -> Iterator[sources.Sequence]:
    """Yields as `trees.TreeSource.sequences` does; refuses nothing."""
    for condition in self.facts.conditions:
      walk = walkers.render_walk(subject, condition, self.frames, self.seed)
      for view, frames in zip(walkers.VIEWS, walk, strict=True):
        yield sources.Sequence(condition, view, frames)
