"""What a report can be made of: the files of a work folder, as far as they go.

Files may be missing, of an older version or damaged; what is of another form
than expected is left out here, so that no section has to check it again.
"""

import dataclasses
import math
import pathlib
from typing import Any

import numpy as np

from selfgait_jax import errors
from selfgait_jax.machine import files
from selfgait_jax.run import identity, metrics, picture_data

_LISTS = ('cmc', 'rank1_per_view')
_SPREADS = ('arm', 'labelled', 'metrics')


@dataclasses.dataclass(frozen=True)
class Found:
  """The content of a work folder.

  Attributes:
    results: of `results.json`; `metrics`, `rows`, `baselines`, `counts`,
      `data`, `versions`, `origins`, `study` and `discovery` are always there.
    pictures: of `figures.npz`; {} if it is missing or of another run.
    curves: stage -> name -> float [n, 2], steps and values.
    config: the settings; {} if they are not known.
    notes: sentences about what cannot be shown.
  """

  results: dict[str, Any]
  pictures: dict[str, np.ndarray]
  curves: dict[str, dict[str, np.ndarray]]
  config: dict[str, Any]
  notes: tuple[str, ...]


def read(workdir: pathlib.Path) -> Found:
  """Reads what there is.

  Raises:
    UserError: there is nothing to show.
  """
  notes: list[str] = []
  raw = _json(workdir / 'results.json', notes)
  curves = {stage: _curves(workdir, stage, notes) for stage in identity.STAGES}
  curves = {stage: found for stage, found in curves.items() if found}
  if not raw and not curves:
    said = f' ({notes[0].rstrip(".")})' if notes else ''
    raise errors.UserError(
      f'expected results.json or the log of a stage in '
      f'{errors.printable(workdir)}, found neither{said}; give the --workdir '
      'of a run'
    )
  if not raw and not notes:
    notes.append('There is no results.json yet: this run was not evaluated.')
  results = _results(raw)
  config = _json(workdir / 'config.json', notes).get('config')
  return Found(
    results,
    _pictures(workdir, results, notes),
    curves,
    config if isinstance(config, dict) else {},
    tuple(notes),
  )


def _json(path, notes):
  """The dictionary in a file; {} if there is none."""
  try:
    found = files.parse_json(path.read_bytes())
    if isinstance(found, dict):
      return found
    notes.append(f'{path.name} has another form than expected.')
  except FileNotFoundError:
    pass
  except (OSError, ValueError) as error:
    notes.append(f'{path.name} is damaged ({errors.first_line(error, 80)}).')
  return {}


def _curves(workdir, stage, notes):
  try:
    found = metrics.read_curves(workdir / stage)
  except OSError as error:
    notes.append(
      f'The log of {stage} cannot be read ({errors.first_line(error, 80)}).'
    )
    return {}
  curves = {
    errors.printable(name, 60): np.array(
      [(step, value) for step, value in points if _is_number(value)], float
    ).reshape(-1, 2)
    for name, points in found.items()
  }
  return {name: points for name, points in curves.items() if len(points)}


def _pictures(workdir, results, notes):
  try:
    found = picture_data.read(workdir)
  except errors.UserError as error:
    notes.append(f'{error}.')
    return {}
  run = f'{results["config_hash"]} {results["data"].get("fingerprint", "")}'
  if found and str(found.get('run', '')) != run:
    notes.append(
      f'{picture_data.FILE} is of another evaluation than results.json; run '
      'the stage `evaluate` again.'
    )
    return {}
  if 'groups' in found and 'titles' in found:
    return found
  if results['metrics'] and not results['study']:
    notes.append(
      f'There is no {picture_data.FILE} that can be read: run the stage '
      '`evaluate` again to see distances, a map, confusions and clips.'
    )
  return {}


def _results(raw):
  """The same with all keys, and without what has another form."""
  found = {
    key: _typed(raw.get(key), dict)
    for key in ('counts', 'data', 'versions', 'origins')
  }
  found |= {
    key: str(raw.get(key, '')) for key in ('protocol', 'config_hash', 'device')
  }
  found |= {key: raw.get(key, '') for key in ('seed', 'seconds')}
  found['origins'] = {
    name: _typed(of, dict) for name, of in found['origins'].items()
  }
  found['metrics'] = _metrics(raw.get('metrics'))
  for key in ('rows', 'baselines'):
    rows = _typed(raw.get(key), dict).items()
    found[key] = {errors.printable(n): _metrics(of) for n, of in rows}
  if not found['rows'] and found['metrics']:
    found['rows'] = found['baselines'] | {'this run': found['metrics']}
  found['study'] = [
    cell | {'metrics': _metrics(cell['metrics'])}
    for cell in _dictionaries(raw.get('study'))
    if all(name in cell for name in _SPREADS)
    and isinstance(cell['arm'], str)
    and type(cell['labelled']) is int
  ]
  found['discovery'] = {
    stage: [n for n in map(_numbers, _dictionaries(rounds)) if 'step' in n]
    for stage, rounds in _typed(raw.get('discovery'), dict).items()
  }
  return found


def _metrics(raw):
  """Numbers, and the lists that belong to views or ranks, of the right form."""
  raw = _typed(raw, dict)
  views = raw.get('views')
  strings = isinstance(views, list) and all(isinstance(v, str) for v in views)
  views = views if strings else []
  found = {'views': views} if views else {}
  for key, value in raw.items():
    last = key.split('/')[-1]
    if value is None or _is_number(value):
      found[key] = value
    elif last in _LISTS and _are_numbers(value):
      if last != 'rank1_per_view' or len(value) == len(views):
        found[key] = value
    elif last == 'matrix' and views and _is_square(value, len(views)):
      found[key] = value
  return found


def _is_square(value, size):
  rows = isinstance(value, list) and len(value) == size
  return rows and all(_are_numbers(v) and len(v) == size for v in value)


def _are_numbers(values):
  return isinstance(values, list) and all(
    value is None or _is_number(value) for value in values
  )


def _is_number(value):
  if isinstance(value, bool) or not isinstance(value, int | float):
    return False
  return abs(value) < 1e300 and math.isfinite(value)


def _numbers(of):
  return {key: value for key, value in of.items() if _is_number(value)}


def _dictionaries(values):
  return [v for v in _typed(values, list) if isinstance(v, dict)]


def _typed(value, kind):
  return value if isinstance(value, kind) else kind()
