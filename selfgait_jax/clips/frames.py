"""Masks of any size to the frames of one clip, and notes on the others."""

import collections
from collections.abc import Iterable

import numpy as np

from selfgait_jax.data.prepare import alignment, silhouettes
from selfgait_jax.data.prepare.reading import Refused

WHITE = 127  # brighter pixels are silhouette
ALIGN = ('auto', 'always', 'never')
_SHOWN = 3  # names in a sentence
_MOST_SENTENCES = 8
_BLANK = 'blank: no pixel is brighter than 127 of 255'
_INVERTED = 'white at the border, as inverted masks are; make the person white'
_SMALL = 'too small to be a person'


def assemble(
  masks: Iterable[tuple[str, np.ndarray | str]], align: str
) -> tuple[np.ndarray, tuple[str, ...], int]:
  """The usable frames of a clip, and what is wrong with the others.

  64 x 64 and 64 x 44 pixels are taken as they are, other sizes are aligned by
  `alignment.align`. Where both occur, the more frequent kind decides: aligned
  frames of the usual size alone, or all frames aligned.

  Args:
    masks: (name, mask) of each frame, or (name, what is wrong with it).
    align: 'auto' as above; 'always' to align these sizes too; 'never' to leave
      other sizes out.

  Returns:
    uint8 [T, 64, W], T 0 if nothing is left; sentences about the frames that
    were left out; their number.
  """
  ready: dict[int, np.ndarray] = {}  # by place in the clip
  raw: dict[int, np.ndarray] = {}
  left_out: dict[str, list[str]] = collections.defaultdict(list)
  names: list[str] = []
  for name, mask in masks:
    place = len(names)
    names.append(name)
    frame, fits = _prepare(mask, align)
    if isinstance(frame, str):
      left_out[frame].append(name)
    else:
      (ready if fits else raw)[place] = frame
  if len(raw) > len(ready):
    chosen = raw
    for place, frame in ready.items():
      frame = alignment.align(frame)
      if frame is None:
        left_out[_SMALL].append(names[place])
      else:
        chosen[place] = frame
  else:
    chosen = _of_usual_size(ready, raw, names, left_out)
  frames = [chosen[place] for place in sorted(chosen)]
  stacked = np.stack(frames) if frames else np.zeros((0, 64, 64), np.uint8)
  lost = len(names) - len(frames)
  return stacked, _sentences(left_out, len(names)), lost


def _prepare(mask, align):
  """(a frame of an allowed size or what is wrong, whether it was that size)."""
  if isinstance(mask, str):
    return mask, False
  try:
    mask = alignment.to_grey(mask)
  except Refused as error:
    return str(error), False
  if mask.max() <= WHITE:
    return _BLANK, False
  if alignment.has_white_border(mask):
    return _INVERTED, False
  fits = mask.shape in silhouettes.SHAPES
  if fits and align != 'always':
    return mask, True
  if align == 'never':
    return f'{_by(mask.shape)} pixels, expected 64 x 64 or 64 x 44', False
  aligned = alignment.align(mask)
  return (_SMALL if aligned is None else aligned), False


def _of_usual_size(ready, raw, names, left_out):
  """The frames of the commonest size; notes the others."""
  sizes = collections.Counter(frame.shape for frame in ready.values())
  usual = sizes.most_common(1)[0][0] if sizes else None
  chosen = {p: frame for p, frame in ready.items() if frame.shape == usual}
  for place in sorted({*ready, *raw} - {*chosen}):
    reason = f'of another size than the {_by(usual)} pixels of most'
    left_out[reason].append(names[place])
  return chosen


def _sentences(left_out, total):
  """'2 of 30 frames left out, 004.png and 005.png: blank', commonest first."""
  reasons = sorted(left_out, key=lambda reason: -len(left_out[reason]))
  shown, others = reasons[:_MOST_SENTENCES], reasons[_MOST_SENTENCES:]
  sentences = []
  for reason in shown:
    names = left_out[reason]
    more = ', ...' if len(names) > _SHOWN else ''
    listed = ', '.join(names[:_SHOWN]) + more
    sentences.append(
      f'{len(names)} of {total} frames left out ({listed}): {reason}'
    )
  if others:
    count = sum(len(left_out[reason]) for reason in others)
    sentences.append(f'{count} of {total} frames left out for other reasons')
  return tuple(sentences)


def _by(shape):
  return ' x '.join(map(str, shape))
