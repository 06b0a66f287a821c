"""Trains every row of a published table, and writes ours beside it.

  python scripts/reproduce.py casiab --data_dir=DATA_DIR --budget=8h

Each row is a run of `selfgait_jax.main` by the published recipe, in a folder of
its own. The same command goes on where it was stopped, and does not repeat what
is finished. WORKDIR/table.md is written after each row. What follows `--` goes
to every run, such as `-- --config.data.loader=device
--config.model.dtype=bfloat16`.
"""

import argparse
import importlib
import json
import pathlib
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # runs from a clone, without installation

from selfgait_jax import errors
from selfgait_jax.data import datasets
from selfgait_jax.machine import files, progress
from selfgait_jax.report import comparison, published
from selfgait_jax.run import metrics

# By data set: the network as it is published, its recipe and more arguments.
TABLES = {
  'casiab': (
    ('GaitSet', 'casiab:gaitset'),
    ('GaitPart', 'casiab:gaitpart'),
    ('GaitGL', 'casiab:gaitgl'),
    ('GaitBase', 'casiab:gaitbase'),
    ('GaitBase + MCL', 'casiab:gaitbase_mcl'),
  ),
  'oumvlp': (
    ('GaitSet', 'oumvlp:gaitset'),
    ('GaitPart', 'oumvlp:gaitpart'),
    ('GaitGL', 'oumvlp:gaitgl'),
    ('GaitBase', 'oumvlp:gaitbase'),
    ('DeepGaitV2-3D', 'oumvlp:deepgaitv2', '--config.model.mode=3d'),
  ),
  'gait3d': (
    ('GaitBase', 'gait3d:gaitbase'),
    ('GaitBase + MCL', 'gait3d:gaitbase_mcl'),
    ('DeepGaitV2-P3D', 'gait3d:deepgaitv2'),
    ('DeepGaitV2-P3D + interval sampling', 'gait3d:deepgaitv2_interval'),
  ),
}
UNITS = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}


def main() -> int:
  """Returns 1, after one sentence, if a row failed; 0 if the budget ended."""
  options = _parse()
  # As Ctrl-C does, SIGTERM lets the present run save and end.
  signal.signal(signal.SIGTERM, signal.default_int_handler)
  try:
    _reproduce(options)
  except KeyboardInterrupt:
    print('stopped; the same command goes on')
    return 130
  except errors.UserError as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  return 0


def _reproduce(options):
  rows, budget = _chosen(options), _seconds(options.budget)
  _same_arguments(options)
  until = time.monotonic() + budget
  _announce(options, rows)
  for seed in range(options.seeds):
    for row in rows:
      workdir = _workdir(options, row, seed)
      if not (workdir / 'results.json').exists() and not _run(
        options, row, seed, until
      ):
        _write_table(options, rows)
        print('the budget is spent; the same command goes on')
        return
      _write_table(options, rows)


def _run(options, row, seed, until):
  """Runs a row; False if the budget ended before it did."""
  workdir, left = _workdir(options, row, seed), until - time.monotonic()
  if left <= 0:
    return False
  print(f'{row[0]}, seed {seed}: {workdir}', flush=True)
  program = subprocess.Popen(
    [
      sys.executable, '-m', 'selfgait_jax.main', f'--config={row[1]}',
      f'--workdir={workdir}', f'--config.seed={seed}',
      *_data(options), *row[2:], *options.more,
    ],
    cwd=ROOT,
  )  # fmt: skip
  try:
    status = program.wait(left if left < float('inf') else None)
  except subprocess.TimeoutExpired:
    program.send_signal(signal.SIGTERM)
    if program.wait() == 128 + signal.SIGTERM:
      print('nothing of the last minutes was saved; a longer --budget may help')
    return False
  except KeyboardInterrupt:
    program.terminate()  # it saves; after Ctrl-C it knows already
    program.wait()
    raise
  if status:
    raise errors.UserError(
      f'expected {row[0]} to finish, found exit status {status}; its log above '
      'says why, and the same command goes on'
    )
  if not (workdir / 'results.json').exists():
    raise errors.UserError(
      f'expected {row[0]} to finish, found that it was stopped from elsewhere; '
      'the same command goes on'
    )
  return True


def _announce(options, rows):
  """Prints what there is to do, and how long it takes where that is known."""
  for row in rows:
    steps, frames, rate = _work(options, row)
    time_needed = progress.clock(frames / rate) if rate else 'not known yet'
    print(
      f'{row[0]}: {steps:,} steps, {frames / 1e6:,.0f} million frames by the '
      f'recipe; training takes {time_needed}'
    )


def _work(options, row):
  """(steps, frames in them, frames/s of what has been trained) of a row."""
  module, recipe = row[1].split(':')
  config = importlib.import_module(f'selfgait_jax.configs.{module}')
  config = config.get_config(recipe)
  steps = frames = 0
  for name in config.stages.split(','):
    if name != 'evaluate':
      stage = config[name]
      length = stage.frames
      if stage.frames_sampling == 'unfixed':
        length = (stage.frames_min + stage.frames_max) / 2
      steps += stage.steps
      frames += (
        stage.steps * stage.batch_subjects * stage.batch_sequences * length
      )
  rates = []
  for path in _workdir(options, row, 0).glob('*/metrics.jsonl'):
    curves = metrics.read_curves(path.parent)
    rates += [rate for _, rate in curves.get('frames_per_second', ())]
  return steps, frames, sorted(rates)[len(rates) // 2] if rates else None


def _write_table(options, rows):
  found = []
  for row in rows:
    paths = (
      _workdir(options, row, seed) / 'results.json'
      for seed in range(options.seeds)
    )
    results = [json.loads(path.read_text()) for path in paths if path.exists()]
    data = datasets.BY_OPTION[options.table].name
    known = published.figure(data, row[0])
    found.append(comparison.Row(row[0], known, results))
  text = comparison.table(found, options.band)
  files.write_text(options.workdir / 'table.md', text)
  print(text)


def _same_arguments(options):
  """Refuses other settings than those of the rows that are there."""
  path = options.workdir / 'arguments.json'
  ours = [*_data(options), *options.more]
  if path.exists() and json.loads(path.read_text()) != ours:
    raise errors.UserError(
      f'expected the arguments of the first call in {options.workdir} '
      f'({" ".join(json.loads(path.read_text()))}), found {" ".join(ours)}; '
      'choose another --workdir'
    )
  options.workdir.mkdir(parents=True, exist_ok=True)
  files.write_json(path, ours)


def _chosen(options):
  if options.seeds < 1:
    raise errors.UserError(f'expected --seeds from 1, found {options.seeds}')
  rows = TABLES[options.table]
  names = [name.strip() for name in options.only.split(',') if name.strip()]
  known = [row[1].split(':')[1] for row in rows]
  unknown = sorted(set(names) - set(known))
  if unknown:
    raise errors.UserError(
      f'expected --only to name rows of {options.table} ({", ".join(known)}), '
      f'found {", ".join(unknown)}'
    )
  return [
    row for row, own in zip(rows, known, strict=True) if own in names
  ] or (list(rows))


def _workdir(options, row, seed):
  return options.workdir / f'{row[1].split(":")[1]}-{seed}'


def _data(options):
  """The arguments that name the data."""
  if bool(options.data_dir) == bool(options.packed_file):
    raise errors.UserError(
      'expected either --data_dir or --packed_file, found '
      f'{"both" if options.data_dir else "neither"}'
    )
  given = {
    'data_dir': options.data_dir,
    'data.packed_file': options.packed_file,
    'data.partition_file': options.partition_file,
  }
  return [
    f'--config.{key}={pathlib.Path(path).resolve()}'
    for key, path in given.items()
    if path
  ]


def _seconds(budget):
  if not budget:
    return float('inf')
  found = re.fullmatch(r'(\d+(?:\.\d+)?)([smhd])', budget)
  if not found or not float(found[1]):
    raise errors.UserError(
      f'expected --budget such as 90s, 10m or 8h, found {budget}'
    )
  return float(found[1]) * UNITS[found[2]]


def _parse():
  arguments, more = sys.argv[1:], []
  if '--' in arguments:
    at = arguments.index('--')
    arguments, more = arguments[:at], arguments[at + 1 :]
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  add = parser.add_argument
  add('table', choices=TABLES, help='the data set of the table')
  add('--data_dir', default='', help='where prepare_silhouettes.py wrote')
  add('--packed_file', default='', help='or the file that it packed')
  add('--partition_file', default='', help='of OpenGait, for Gait3D')
  add('--only', default='', help='recipes, such as gaitset,gaitbase')
  add('--seeds', type=int, default=1, help='runs of each row')
  add('--budget', default='', help='stop after 90s, 10m, 8h, and go on later')
  add('--band', type=float, default=1.0, help='points that count as equal')
  add('--workdir', default='', help='by default runs/reproduce-TABLE')
  options = parser.parse_args(arguments)
  options.workdir = pathlib.Path(
    options.workdir or f'runs/reproduce-{options.table}'
  ).resolve()
  options.more = more
  return options


if __name__ == '__main__':
  sys.exit(main())
