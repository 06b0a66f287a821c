"""The synthetic walkers as a source of sequences to prepare."""

import dataclasses
import hashlib
import pathlib

from selfgait_jax.data import datasets
from selfgait_jax.data.walkers import walkers


@dataclasses.dataclass(frozen=True)
class WalkerSource:
  """Renders where `trees.TreeSource` reads files.

  Attributes:
    num_subjects: named '001' and so on.
    frames: of each sequence.
    seed: of everything drawn.
  """

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
    """Where the prepared data set lives in the TFDS data directory."""
    return f'{self.facts.name}/{self.config}'

  def describe(self) -> dict:
    """What a prepared data set is remembered by, the renderer included."""
    code = hashlib.sha256()
    for path in sorted(pathlib.Path(walkers.__file__).parent.glob('*.py')):
      code.update(path.read_bytes())
    return {**dataclasses.asdict(self), 'renderer': code.hexdigest()[:16]}

  def subjects(self) -> list[str]:
    return list(self.facts.subjects)

  def stamp(self, subject: str) -> str:
    return f'{subject} {self.describe()}'

  def sequences(self, subject: str):
    """Yields as `trees.TreeSource.sequences`; nothing is ever refused."""
    for condition in self.facts.conditions:
      walk = walkers.render_walk(subject, condition, self.frames, self.seed)
      for view, frames in zip(walkers.VIEWS, walk, strict=True):
        yield condition, view, frames, 0, []
