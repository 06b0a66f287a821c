"""Clips with a verdict and, unless they are refused, an embedding."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np

from selfgait_jax.clips import quality
from selfgait_jax.clips.clip import Clip
from selfgait_jax.gallery import rows

# Clips that are embedded together: the more, the fewer lengths are compiled.
_CLIPS, _FRAMES = 1024, 65_536


class Embeds(Protocol):
  """What a gallery needs of an `Embedder`."""

  manifest: dict

  @property
  def fingerprint(self) -> str: ...

  def embed(self, clips: list[np.ndarray]) -> np.ndarray: ...


class Judged(NamedTuple):
  """A clip, what `quality` says, and float32 [P, D]; [0, 0] if refused."""

  clip: Clip
  quality: quality.Quality
  embedding: np.ndarray

  @property
  def usable(self) -> bool:
    return self.quality.verdict != 'refused'

  @property
  def reasons(self) -> tuple[str, ...]:
    """What there is to say against the clip, each sentence once."""
    return tuple(dict.fromkeys((*self.quality.reasons, *self.clip.left_out)))

  def entry(self) -> rows.Entry:
    """To enrol it, unless it is refused."""
    return rows.Entry(
      source=self.clip.source,
      frames=len(self.clip.frames),
      verdict=self.quality.verdict,
      digest=rows.digest_of(self.clip.frames),
      embedding=self.embedding,
    )


def judge(
  clips: Iterable[Clip | np.ndarray], embedder: Embeds
) -> Iterator[list[Judged]]:
  """Yields the clips in order, in blocks; one block is in memory at once.

  Args:
    clips: from `read_clips`, or arrays uint8 [T, 64, W].
    embedder: for those that are not refused.

  Raises:
    UserError: an array is no clip.
  """
  waiting, frames = [], 0
  for clip in clips:
    if not isinstance(clip, Clip):
      clip = Clip('', np.asarray(clip))
    waiting.append((clip, quality.quality(clip)))
    frames += len(clip.frames)
    if len(waiting) == _CLIPS or frames >= _FRAMES:
      yield _embed(waiting, embedder)
      waiting, frames = [], 0
  if waiting:
    yield _embed(waiting, embedder)


def _embed(waiting, embedder):
  wanted = [clip for clip, found in waiting if found.verdict != 'refused']
  embeddings = iter(
    embedder.embed([clip.frames for clip in wanted]) if wanted else ()
  )
  nothing = np.zeros((0, 0), np.float32)
  return [
    Judged(
      clip, found, nothing if found.verdict == 'refused' else next(embeddings)
    )
    for clip, found in waiting
  ]
