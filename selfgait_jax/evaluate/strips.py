"""Frames of clips for the report, of people who may be shown."""

import numpy as np

from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.evaluate import tables

FRAMES = 12  # of a sample clip
FEW_FRAMES = 5  # of a confusion
KINDS = 4  # of conditions among the sample clips, at most
VIEWS = 3  # of each kind, at most
CYCLE = 26  # frames, about one gait cycle


def choose(sequences: SequenceSet, seed: int) -> np.ndarray:
  """Rows of sample clips: every kind of condition under several views.

  The views are spread evenly over all, so that oblique ones are among them.
  Each clip shows another person as long as there are enough.
  """
  kinds = np.array([tables.kind(name) for name in sequences.conditions])
  rng, shown, rows = np.random.default_rng(seed), set(), []
  wanted = sorted(set(kinds), key=lambda kind: -np.sum(kinds == kind))
  for number, kind in enumerate(wanted[:KINDS]):
    views = np.unique(sequences.views[kinds == kind])
    for place in range(min(VIEWS, len(views))):
      # Each kind starts at another view.
      at = (place + number / KINDS) / VIEWS * len(views)
      view = views[int(at) % len(views)]
      there = rng.permutation(
        np.flatnonzero((kinds == kind) & (sequences.views == view))
      )
      new = [r for r in there if sequences.subjects[r] not in shown]
      rows.append((new or list(there))[0])
      shown.add(sequences.subjects[rows[-1]])
  return np.array(rows, int)


def frames(sequences: SequenceSet, row: int, count: int) -> np.ndarray:
  """Frames of about one gait cycle, evenly spaced: uint8 [count, H, W].

  The last frame is repeated where there are fewer.
  """
  clip = sequences[row][:CYCLE]
  places = np.linspace(0, len(clip) - 1, min(count, len(clip))).round()
  places = np.pad(places.astype(int), (0, count - len(places)), 'edge')
  return clip[places]


def with_energy_image(
  sequences: SequenceSet, row: int, max_frames: int
) -> np.ndarray:
  """Its gait energy image, then frames: uint8 [1 + FEW_FRAMES, H, W]."""
  mean = sequences[row][:max_frames].mean(axis=0).round().astype(np.uint8)
  return np.concatenate([mean[None], frames(sequences, row, FEW_FRAMES)])


def name(sequences: SequenceSet, row: int) -> tuple[str, str, str]:
  """(subject, condition, view)."""
  return (
    str(sequences.subjects[row]),
    str(sequences.conditions[row]),
    str(sequences.views[row]),
  )
