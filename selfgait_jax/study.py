"""What labels are worth: few labels after no, or after label-free, training.

Each draw has its own labelled subjects, batches and first weights. Every cell
of the study is a run of its own in a folder of its own, so a study that was
stopped goes on with the cells that are missing.
"""

import pathlib
from collections.abc import Callable

import jax
from absl import logging

from selfgait_jax import errors
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.evaluate import (
  evaluation,
  label_worth,
  linear_floors,
  scores,
  tables,
)
from selfgait_jax.machine import files, processes, sharding
from selfgait_jax.models import factory
from selfgait_jax.report import page
from selfgait_jax.run import checkpointing, identity
from selfgait_jax.train import loop, plan

SCRATCH = 'scratch'  # the arm without label-free training
MIXED = '_mixed'  # arms that also learn from pseudo-identities end with this


def run(
  config, workdir: pathlib.Path, load: Callable[[str], SequenceSet]
) -> dict:
  """Trains and scores every cell, then writes the table and the picture.

  Args:
    config: the whole config; `study` says which cells there are.
    workdir: receives `draw-<n>/<arm>-<labelled subjects>/cell.json`,
      `results.json` and `report.html`.
    load: returns the sequences of 'train' or 'test'.

  Returns:
    The content of `results.json`; {} on all processes but the first.

  Raises:
    errors.UserError: more subjects are to be labelled than there are, or the
      work folder holds cells that were trained with other settings.
  """
  processes.from_first(lambda: _check_same(config, workdir))
  train, test = load('train'), load('test')
  everyone = len(set(train.subjects))
  most = max(config.study.labelled_subjects)
  if most > everyone:
    raise errors.UserError(
      f'expected at most {everyone} labelled subjects, as many as the training '
      f'data has, found {most}; change config.study.labelled_subjects'
    )
  score = _scorer(config, test)
  cells = []
  for draw in range(config.study.draws):
    for arm in config.study.arms:
      for labelled in config.study.labelled_subjects:
        if arm.endswith(MIXED) and labelled in (0, everyone):
          continue  # nothing to mix
        cell = _Cell(config, workdir, draw, arm, labelled, everyone)
        found = processes.from_first(cell.read)
        if found is None:
          found = {'draw': draw, 'arm': arm, 'labelled': labelled}
          found['metrics'] = score(cell.train(train), config.seed + draw)
          processes.from_first(lambda c=cell, f=found: c.write(f))
        cells.append(found)
        logging.info('%s', label_worth.line(found))
  if not processes.is_first():
    return {}
  return _write(config, workdir, load, test, cells)


def _check_same(config, workdir):
  """Cells, and the stages they share, are trusted without a look at them."""
  ours = identity.config_hash(_without_study(config))
  path = workdir / 'study.json'
  try:
    theirs = files.parse_json(path.read_bytes())['config_hash']
  except FileNotFoundError:
    theirs = ours
  except (ValueError, KeyError, TypeError):
    theirs = f'a damaged {path.name}'
  if theirs != ours:
    raise errors.UserError(
      f'expected cells of config {ours} in {workdir}, found {theirs}; restore '
      'the settings (only config.study may change) or change --workdir'
    )
  files.write_json(path, {'config_hash': ours})


def _without_study(config):
  """A copy without `config.study`: more cells do not change the others."""
  plain = config.copy_and_resolve_references()
  with plain.unlocked():
    del plain.study
  return plain


class _Cell:
  """One arm with one number of labelled subjects, in one draw."""

  def __init__(self, config, workdir, draw, arm, labelled, everyone):
    self._setting = '' if arm == SCRATCH else arm.removesuffix(MIXED)
    self._labelled = labelled
    self._config = _without_study(config)
    self._config.seed = config.seed + draw
    self._draw = workdir / f'draw-{draw}'
    self._folder = self._draw / f'{arm}-{labelled}'
    if labelled:
      stage = self._config.train
      stage.labelled_fraction = labelled / everyone
      stage.pseudo_identities = arm.endswith(MIXED)
      if not stage.pseudo_identities:
        batch = stage.batch_subjects * stage.batch_sequences
        stage.batch_subjects = min(stage.batch_subjects, labelled)
        stage.batch_sequences = batch // stage.batch_subjects

  def read(self):
    """What `write` wrote; None if there is nothing that can be read."""
    try:
      return files.parse_json((self._folder / 'cell.json').read_bytes())
    except (OSError, ValueError):
      return None

  def write(self, found):
    self._folder.mkdir(parents=True, exist_ok=True)
    files.write_json(self._folder / 'cell.json', found)

  def train(self, sequences) -> str:
    """The checkpoint folder of the cell; '' for random weights."""
    source = ''
    if self._setting:
      source = self._learn_without_labels(sequences)
    if not self._labelled:
      return source
    self._config.init_from = source
    self._run('train', self._folder, sequences)
    return str(self._folder / 'train')

  def _learn_without_labels(self, sequences):
    """All cells of a setting and a draw start from one label-free stage."""
    self._config.discover.setting = self._setting
    folder = self._draw / self._setting
    self._run('discover', folder, sequences)
    return str(folder / 'discover')

  def _run(self, stage, folder, sequences):
    if not plan.is_finished(self._config, folder, stage):
      logging.info('%s: %s', folder, stage)
      loop.train(self._config, folder, stage, sequences)


def _scorer(config, test):
  """A function from a checkpoint folder to the rank-1 of each probe group."""
  model, mesh = factory.make_model(config.model), sharding.make_mesh()
  embed = scores.make_embedder(config, model, mesh)

  def score(path, seed):
    if path:
      everywhere = sharding.replicated(mesh)
      variables, _ = checkpointing.load_variables(path, everywhere)
    else:
      variables = factory.init_variables(
        model, jax.random.key(seed), config.model.crop_width
      )
    found = embed(variables, False, test, config.eval.max_frames, None)
    return processes.from_first(lambda: _rank1(config, found, test))

  return score


def _rank1(config, embeddings, test):
  metrics = scores.score(config, embeddings, test)['metrics']
  return {k: v for k, v in metrics.items() if k.endswith('/rank1')}


def _write(config, workdir, load, test, cells):
  """Adds the floors, writes `results.json` and the report, logs the table."""
  rows = {
    title: scores.score(config, images, test)
    for title, images in linear_floors.embed_all(config, test, load, {})
  }
  results = evaluation.describe(config, rows, test) | {'study': cells}
  files.write_json(workdir / 'results.json', results)
  logging.info('\n%s', tables.rank1_table(list(rows.items())))
  logging.info('\n%s', tables.markdown(*label_worth.cells_of(cells)))
  page.write(workdir)
  return results
