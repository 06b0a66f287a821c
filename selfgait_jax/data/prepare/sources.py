"""What preparation reads: a tree of files or rendered walkers."""

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from selfgait_jax.data import datasets


@dataclasses.dataclass
class Sequence:
  """What became of one sequence.

  Attributes:
    condition, view: its names.
    frames: uint8 [T, 64, 64]; None if it cannot be used.
    too_small: number of masks left out as too small to be a person.
    refused: (file or folder, reason) of everything that cannot be used.
    remarks: sentences about the sequence.
  """

  condition: str
  view: str
  frames: np.ndarray | None = None
  too_small: int = 0
  refused: list[tuple[str, str]] = dataclasses.field(default_factory=list)
  remarks: list[str] = dataclasses.field(default_factory=list)


class Source(Protocol):
  """Sequences to prepare; pickled for the worker processes.

  Attributes:
    root: folder that is read, None if nothing is read.
    facts: about the data set.
    home: folder of the prepared data set in the TFDS data directory.
  """

  root: pathlib.Path | None
  facts: datasets.Facts
  home: str

  def describe(self) -> dict:
    """Identifies the prepared data: where they come from and how."""

  def subjects(self) -> list[str]:
    """Names of the subjects found, sorted."""

  def strangers(self) -> list[tuple[str, str]]:
    """(folder, reason) of the folders that are no subject of the data set."""

  def stamp(self, subject: str) -> str:
    """Changes when the sequences of the subject may have changed."""

  def sequences(self, subject: str) -> Iterator[Sequence]:
    """Reads one subject; a bad file never ends it."""
