"""What a gallery answers of each clip: its matches, or how enrolling went."""

import dataclasses

from selfgait_jax import errors
from selfgait_jax.gallery import judged


@dataclasses.dataclass(frozen=True)
class Match:
  """A person near a clip.

  Attributes:
    name: of the person.
    distance: see `Gallery.search`.
    probability: that the clip shows this person, if this person and another
      one are equally likely; None before `Gallery.calibrate`.
    accepted: whether the distance is within the threshold; None likewise.
    source: of the person's nearest clip.
  """

  name: str
  distance: float
  probability: float | None
  accepted: bool | None
  source: str


@dataclasses.dataclass(frozen=True)
class Outcome:
  """What became of a clip that was to be enrolled.

  Attributes:
    source: of the clip.
    verdict: of `quality`.
    enrolled: whether it is in the gallery now, and was not before.
    reasons: sentences; why it is not enrolled, or what is doubtful.
  """

  source: str
  verdict: str
  enrolled: bool
  reasons: tuple[str, ...]


def outcome(one: judged.Judged, taken: str | None) -> Outcome:
  """`taken`: the name under which the clip was enrolled before, or None."""
  reasons = one.reasons
  if taken is not None:
    words = f'it is enrolled already, as {errors.printable(taken)}'
    reasons = (words, *reasons)
  return Outcome(
    one.clip.source,
    one.quality.verdict,
    one.usable and taken is None,
    reasons,
  )
