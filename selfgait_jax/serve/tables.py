"""Tables as CSV, for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Sequence

from selfgait_jax import errors
from selfgait_jax.serve import records

_FORMULA = ('=', '+', '-', '@')  # how a spreadsheet knows one


def of_look(look: records.Look) -> str:
  """A row for each clip and person near it; one row if there is none."""
  titles = (
    'clip', 'frames', 'usable', 'verdict', 'reasons', 'rank', 'name',
    'distance', 'probability', 'accepted', 'nearest clip',
  )  # fmt: skip
  return _table(titles, _rows(look))


def of_people(people: Iterable[records.Person]) -> str:
  titles = ('name', 'clips', 'frames', 'doubtful', 'first', 'last')
  return _table(titles, ([getattr(p, t) for t in titles] for p in people))


def _rows(look):
  for clip in look.clips:
    reasons = '; '.join(clip.reasons)
    own = (clip.source, clip.frames, clip.usable, clip.verdict, reasons)
    for rank, match in enumerate(clip.matches, 1):
      yield (
        *own, rank, match.name, match.distance, match.probability,
        {None: None, True: 'yes', False: 'no'}[match.accepted], match.source,
      )  # fmt: skip
    if not clip.matches:
      yield own + (None,) * 6


def _table(titles: Sequence[str], rows: Iterable[Sequence]) -> str:
  target = io.StringIO()
  writer = csv.writer(target)
  writer.writerow(titles)
  writer.writerows(map(_cell, row) for row in rows)
  return target.getvalue()


def _cell(value):
  """Text that no spreadsheet takes for a formula."""
  if not isinstance(value, str):
    return value
  text = errors.printable(value, 10_000)
  return f"'{text}" if text.startswith(_FORMULA) else text
