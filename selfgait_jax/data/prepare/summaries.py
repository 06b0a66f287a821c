"""What a preparation found: `summary.json` beside the records, `refused.json`.

`summary.json` is written last: with it a data set is complete. `refused.json`
in the TFDS data directory lists what was left out, by data set.
"""

import json
import pathlib

from selfgait_jax import errors
from selfgait_jax.machine import files

FILE = 'summary.json'
REFUSED = 'refused.json'
_MOST_NAMES = 1000  # of missing sequences and of remarks
_SHOWN = 5  # of them, in lines for people
_KEYS = {
  'name', 'source', 'subjects', 'sequences', 'frames', 'expected', 'note',
  'missing', 'missing_count', 'masks_left_out', 'refused_count', 'seconds',
}  # fmt: skip


def read(home: pathlib.Path) -> dict | None:
  """The summary of a complete data set, else None."""
  summary = _read_json(home / FILE)
  known = isinstance(summary, dict) and summary.keys() >= _KEYS
  return summary if known else None


def write(home: pathlib.Path, summary: dict) -> None:
  files.write_json(home / FILE, summary)


def make(source, notes: list[dict], refused: list, seconds: float) -> dict:
  """The summary of a data set.

  Args:
    source: what was read.
    notes: from `staging.stage`.
    refused: (file, reason) of everything left out.
    seconds: that the preparation took.
  """
  facts, found = source.facts, lengths(notes)
  missing = []
  if facts.is_grid:
    missing = ['/'.join(key) for key in facts.sequences() if key not in found]
  remarks = [remark for n in notes for remark in n['remarks']]
  return {
    'name': facts.name,
    'source': source.describe(),
    'subjects': len({subject for subject, _, _ in found}),
    'sequences': len(found),
    'frames': sum(found.values()),
    'expected': {
      'subjects': facts.num_subjects,
      'sequences': facts.num_sequences,
    },
    'missing_count': len(missing),
    'missing': missing[:_MOST_NAMES],
    'note': facts.note,
    'masks_left_out': sum(n['too_small'] for n in notes),
    'remarks_count': len(remarks),
    'remarks': remarks[:_MOST_NAMES],
    'refused_count': len(refused),
    'seconds': round(seconds, 1),
  }


def lengths(notes: list[dict]) -> dict[tuple[str, str, str], int]:
  """Number of frames by (subject, condition, view)."""
  return {
    (n['subject'], *key.split('/')): length
    for n in notes
    for key, length in n['frames'].items()
  }


def describe(summary: dict) -> list[str]:
  """The summary in lines for people."""
  lines = [
    '{:>12}{:>12}{:>14}'.format('', 'found', 'complete'),
    *(
      f'{what:>12}{summary[what]:>12,}{_count(summary["expected"][what]):>14}'
      for what in ('subjects', 'sequences')
    ),
    f'{"frames":>12}{summary["frames"]:>12,}',
  ]
  if summary['missing_count']:
    names = ', '.join(summary['missing'][:_SHOWN])
    more = ', ...' if summary['missing_count'] > _SHOWN else ''
    lines.append(f'{summary["missing_count"]:,} missing: {names}{more}')
  complete = all(n == summary[what] for what, n in summary['expected'].items())
  if summary['note'] and not complete:
    lines.append(f'known of this data set: {summary["note"]}')
  if summary['masks_left_out']:
    lines.append(
      f'{summary["masks_left_out"]:,} masks left out: too small to be a person'
    )
  remarks = summary.get('remarks', ())  # none in summaries of earlier versions
  for name, remark in remarks[:_SHOWN]:
    lines.append(f'{errors.printable(name)}: {remark}')
  if len(remarks) > _SHOWN:
    lines.append(
      f'... and {summary["remarks_count"] - _SHOWN:,} more such remarks in'
      f' {FILE}'
    )
  return lines


def read_refused(data_dir: str | pathlib.Path, name: str) -> list[dict]:
  """What the preparation of a data set left out: [{'file', 'reason'}, ...]."""
  everything = _read_json(pathlib.Path(data_dir).expanduser() / REFUSED)
  return everything.get(name, []) if _is_refused(everything) else []


def write_refused(data_dir: pathlib.Path, name: str, refused: list) -> None:
  """Notes what was left out of one data set, as (file, reason).

  Raises:
    errors.UserError: the file is there and was not written by this function.
  """
  path = data_dir / REFUSED
  everything = _read_json(path) if path.exists() else {}
  if not _is_refused(everything):
    raise errors.UserError(
      f'expected lists of refused files in {path}, found something else; move'
      ' it elsewhere'
    )
  everything[name] = [{'file': f, 'reason': reason} for f, reason in refused]
  files.write_json(path, everything)


def _is_refused(content):
  return isinstance(content, dict) and all(
    isinstance(rows, list)
    and all(isinstance(r, dict) and {*r} == {'file', 'reason'} for r in rows)
    for rows in content.values()
  )


def _read_json(path):
  """None if there is no such file or no JSON in it."""
  try:
    return json.loads(path.read_text(encoding='utf-8'))
  except (OSError, ValueError, RecursionError):
    return None


def _count(number):
  """'13,640', or '-' for what is not known."""
  return '-' if number is None else f'{number:,}'
