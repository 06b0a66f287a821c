"""Clips of people whose names are known, to calibrate and to evaluate with."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from selfgait_jax import errors
from selfgait_jax.clips.clip import Clip
from selfgait_jax.gallery import judged, rows


class Labelled(NamedTuple):
  """A clip with its person's name and its condition, '' if not known."""

  name: str
  clip: Clip | np.ndarray
  condition: str = ''


class Known(NamedTuple):
  """Labelled clips that are not refused.

  Attributes:
    embeddings: float32 [N, P, D].
    names: of the people, S of them, in order of their first clips.
    people: int [N], places in `names`.
    conditions: N of them.
    digests: of the frames, N of them.
    refused: number of clips that were refused.
  """

  embeddings: np.ndarray
  names: list[str]
  people: np.ndarray
  conditions: list[str]
  digests: list[bytes]
  refused: int


def label(clips: Iterable[Clip], root: str) -> Iterator[Labelled]:
  """Labels clips by their folders: root/NAME/clip or root/NAME/CONDITION/clip.

  Raises:
    UserError: a clip is in no folder of a person.
  """
  for clip in clips:
    parts = os.path.relpath(clip.source, root).split(os.sep)
    if len(parts) < 2 or parts[0] == os.pardir:
      raise errors.UserError(
        'expected clips in folders of their people, as in '
        f'{errors.printable(root)}/NAME/CLIP, found '
        f'{errors.printable(clip.source)}; put it into a folder with the '
        "person's name"
      )
    yield Labelled(parts[0], clip, parts[1] if len(parts) > 2 else '')


def embed(
  clips: Mapping[str, Iterable[Clip | np.ndarray]] | Iterable[Labelled],
  embedder: judged.Embeds,
) -> Known:
  """Embeds labelled clips; leaves out those that are refused.

  Raises:
    UserError: there is no clip that can be used, or an array is no clip.
  """
  refused, numbers = 0, dict[str, int]()
  labels: deque[Labelled] = deque()
  embeddings, people, conditions, digests = [], [], [], []

  def unlabelled():
    for found in _listed(clips):
      labels.append(found)
      yield found.clip

  for block in judged.judge(unlabelled(), embedder):
    for one in block:
      name, _, condition = labels.popleft()
      if not one.usable:
        refused += 1
        continue
      embeddings.append(one.embedding)
      people.append(numbers.setdefault(name, len(numbers)))
      conditions.append(condition)
      digests.append(rows.digest_of(one.clip.frames))
  if not embeddings:
    raise errors.UserError(
      f'expected clips of known people, found none that can be used and '
      f'{refused} that are refused; `selfgait inspect` says why'
    )
  return Known(
    np.stack(embeddings),
    list(numbers),
    np.array(people),
    conditions,
    digests,
    refused,
  )


def _listed(clips):
  if not isinstance(clips, Mapping):
    yield from clips
    return
  for name, own in clips.items():
    yield from (Labelled(name, clip) for clip in own)
