"""Scores every trained stage beside its floors."""

import pathlib
import time
from collections.abc import Callable

import jax
import numpy as np
from absl import logging

from selfgait_jax import errors
from selfgait_jax.data import frame_sampler, loading
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.evaluate import (
  audit,
  frozen,
  grew_submission,
  linear_floors,
  pictures,
  scores,
  tables,
)
from selfgait_jax.machine import files, processes, sharding
from selfgait_jax.models import factory
from selfgait_jax.run import (
  checkpointing,
  identity,
  manifests,
  picture_data,
  pseudo_labels,
)

RANDOM_ROW = 'random initialisation'
BASELINES = {**linear_floors.TITLES, 'random_init': RANDOM_ROW}


def evaluate(
  config, workdir: pathlib.Path, load: Callable[[str], SequenceSet]
) -> dict:
  """Evaluates the trained stages of a work folder.

  The floors are linear algebra on gait energy images and the network with
  random weights. All processes embed; only process 0 ranks and writes.

  Args:
    config: the whole config.
    workdir: with the stages' checkpoints; receives `results.json` and, if
      there is to be a report, `figures.npz`.
    load: returns the sequences of 'train' or 'test'.

  Returns:
    The content of `results.json`, whose main row is the last stage; {} on all
    processes but the first.
  """
  start = time.monotonic()
  sources = processes.from_first(lambda: _sources(config, workdir))
  test = load('test')
  if config.reference.window:
    test = frame_sampler.fixed_windows(
      test, config.finetune.frames, config.seed
    )
  model, mesh = factory.make_model(config.model), sharding.make_mesh()
  random = factory.init_variables(
    model, jax.random.key(config.seed), config.model.crop_width
  )

  embed = scores.make_embedder(config, model, mesh)
  sample = lambda: scores.unlabelled_sample(load('train'), config)
  rows = {}
  if processes.is_first():
    for title, images in linear_floors.embed_all(config, test, load, sources):
      rows[title] = scores.score(config, images, test)
      _log_row(title, rows[title])
  for title, label_free, variables, origin in _rows(
    config, sources, random, sharding.replicated(mesh)
  ):
    found = embed(
      variables, label_free, test, config.eval.max_frames, sample, title
    )
    if not processes.is_first():
      continue
    rows[title] = scores.score(config, found, test) | {'origin': origin}
    if config.eval.linear_probe:
      rows[title]['metrics'] |= frozen.top1(found, test, config.eval.protocol)
    _log_row(title, rows[title])

  results = {}
  if processes.is_first():
    grew_submission.write(config, workdir, found, test)
    results = describe(config, rows, test) | {
      'discovery': _audits(sources, rows, load),
      'seconds': round(time.monotonic() - start, 1),
    }
    files.write_json(workdir / 'results.json', results)
    logging.info('%s\n%s', title, tables.per_view_table(rows[title]))
    logging.info('\n%s', tables.rank1_table(list(rows.items())))
  if config.eval.report:
    again = lambda clips, frames: embed(
      variables, label_free, clips, frames, sample, 'with bands blanked'
    )
    begun = time.monotonic()
    drawn = pictures.compute(config, test, found, again)
    if processes.is_first():
      picture_data.write(workdir, drawn)
      seconds = time.monotonic() - begun
      logging.info('pictures for the report in %.1f s', seconds)
  return results


def _sources(config, workdir):
  """{stage name or 'init_from': checkpoint folder} to evaluate."""
  training = [s for s in identity.STAGES if s in config.stages.split(',')]
  if config.init_from and not training:
    return {'init_from': config.init_from}
  found = {
    s: str(workdir / s)
    for s in identity.STAGES
    if checkpointing.complete_steps(workdir / s / 'checkpoints')
  }
  if not found:
    raise errors.UserError(
      f'expected a trained stage in {workdir} or a checkpoint in '
      'config.init_from, found neither; add a training stage to config.stages '
      'or set config.init_from'
    )
  return found


def _rows(config, sources, random, everywhere):
  """Yields (title, label-free?, variables, origin) of each network's row."""
  yield RANDOM_ROW, True, random, {}
  taken = set()
  for stage, path in sources.items():
    variables, manifest = checkpointing.load_variables(path, everywhere)
    manifests.check_model(manifest, config, path)
    names = ('checkpoint', 'step')
    origin = manifest['source'] | {n: manifest.get(n) for n in names}
    title = errors.printable(_title(origin))
    if title in taken:
      title += f' ({stage})'
    taken.add(title)
    label_free = origin.get('objective', 'supervised') != 'supervised'
    yield title, label_free, variables, origin


def _title(origin):
  """Title by what the checkpoint says; the config may have changed since."""
  objective = origin.get('objective')
  if objective is None:  # imported
    return f'{origin["kind"]} of {origin["file"]}'
  step, last = origin['step'], origin['steps']
  part = '' if step in (None, last) else f', step {step}/{last}'
  if objective == 'joint':
    return 'joint pretraining (with labels)' + part
  if objective != 'supervised':
    if origin['identity_sampler']:
      return 'pretraining on batches drawn by identity' + part
    setting = origin.get('setting') or _setting_by_pairs(origin)
    kind = 'identities' if objective == 'clusters' else 'pretraining'
    return f'label-free {kind} ({setting}){part}'
  share = origin['labelled_fraction']
  labels = 'all labels' if share == 1 else f'{100 * share:.3g} % of labels'
  if origin.get('pseudo_identities'):
    labels += ' and pseudo-identities'
  return f'{labels}, {_start(origin)}{part}'


def _setting_by_pairs(origin):
  """What checkpoints knew that do not say it themselves."""
  weak = origin['pairs'] == 'synchronised_views'
  return 'synchronised' if weak else 'strict'


def _start(origin):
  if not origin['start']:
    return 'from scratch'
  setting = origin.get('start_setting')
  return f'pretrained ({setting})' if setting else 'pretrained'


def _audits(sources, rows, load):
  """{stage: how right its pseudo-identities were, round by round}.

  Leaves out what was trained elsewhere, maybe on other data, and what cannot be
  read. What the stages knew is taken from their rows: only process 0 is here,
  and a checkpoint is read by all processes together.
  """
  origins = [row['origin'] for row in rows.values() if row.get('origin')]
  settings = {o['stage']: o['setting'] for o in origins if o.get('setting')}
  found = {}
  for stage, path in sources.items():
    if stage not in settings:
      continue
    try:
      rounds = pseudo_labels.read_all(pathlib.Path(path))
    except errors.UserError as error:
      logging.warning('no audit of %s: %s', stage, error)
      continue
    audited = rounds and audit.audit(rounds, load('train'), settings[stage])
    if audited:
      found[stage], last = audited, audited[-1]
      logging.info(
        '%s, last round: %d pseudo-identities, precision %.3f, recall %.3f of '
        'pairs', stage, last['classes'], last['precision'], last['recall'],
      )  # fmt: skip
  return found


def _log_row(title, row):
  ranks = [
    f'{name.removesuffix("/rank1").upper()} {value:.1f}'
    for name, value in row['metrics'].items()
    if name.endswith('/rank1')
  ]
  logging.info('%s: rank-1 %s', title, ' / '.join(ranks))


def describe(config, rows, test) -> dict:
  """The content of `results.json`; its main row is the last of `rows`."""
  main = rows[list(rows)[-1]]
  frames = int(np.minimum(test.lengths, config.eval.max_frames).sum())
  return {
    'protocol': main['protocol'],
    'metrics': main['metrics'],
    'counts': main['counts']
    | {'frames': frames, 'refused': loading.count_refused(config)},
    'baselines': {
      name: rows[title]['metrics']
      for name, title in BASELINES.items()
      if title in rows
    },
    'rows': {title: row['metrics'] for title, row in rows.items()},
    'origins': {t: row['origin'] for t, row in rows.items() if 'origin' in row},
    'data': {
      'name': config.data.name,
      'partition': pathlib.Path(config.data.partition_file).name
      or config.data.partition,
      'fingerprint': test.fingerprint,
    },
    'config_hash': identity.config_hash(config),
    'seed': config.seed,
    'versions': identity.versions(),
    'device': f'{jax.device_count()} x {jax.devices()[0].device_kind}',
  }
