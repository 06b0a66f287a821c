"""Runs the stages of a config: python -m selfgait_jax.main --config=FILE."""

import pathlib
import sys

from selfgait_jax.machine import signals

if __name__ == '__main__':
  signals.answer(
    'nothing new was learnt; give the same command again',
    'what was learnt is saved, and the same command continues',
  )

import jax
from absl import app, flags, logging
from ml_collections import config_flags

from selfgait_jax import errors, study
from selfgait_jax.data import loading
from selfgait_jax.evaluate import evaluation, held_out, scores
from selfgait_jax.machine import cluster, cores, processes
from selfgait_jax.report import page
from selfgait_jax.run import log_lines, transfer, workspace
from selfgait_jax.settings import command_line, validate
from selfgait_jax.train import loop, plan

_CONFIG = config_flags.DEFINE_config_file(
  'config', None, 'Config file, with a recipe after a colon.', lock_config=True
)
_WORKDIR = flags.DEFINE_string(
  'workdir', '', 'Work folder; by default runs/<config>-<recipe>.'
)


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(f'unexpected arguments {argv[1:]}')
  log_lines.log_plainly()
  try:
    config = _CONFIG.value
    validate.check_values(config)
    cluster.join(config.distributed)
    signals.end_by(processes.stop)
    with processes.fail_together(signals.Stopped):
      cores.use_all_cores(plan.batch_sizes(config))
      run(config, command_line.workdir(_WORKDIR.value))
  except errors.UserError as error:
    sys.exit(f'error: {error}')
  except signals.Stopped as stopped:
    logging.info('%s', stopped)
  processes.leave()


def run(config, workdir: pathlib.Path) -> None:
  """Runs `config.stages` in order; skips training stages that are finished."""
  config = transfer.adopt_model(config)
  validate.check(config)
  scores.probe_lists(config)  # a missing list ends the run before it trains
  with workspace.claim(workdir):
    workspace.record(config, workdir)
    plan.check_batches(config, workdir)

    load = loading.loader(config)
    if 'study' in config:
      study.run(config, workdir, load)
      return
    stages = config.stages.split(',')
    for number, stage in enumerate(stages, 1):
      logging.info('stage %d of %d: %s', number, len(stages), stage)
      if stage == 'evaluate':
        evaluation.evaluate(config, workdir, load)
        if config.eval.report and processes.is_first():
          page.write(workdir, config.eval.show_people)
      elif plan.is_finished(config, workdir, stage):
        logging.info('%s: finished before', stage)
      else:
        loop.train(config, workdir, stage, load('train'), held_out.make_check)


if __name__ == '__main__':
  flags.mark_flag_as_required('config')
  jax.config.config_with_absl()
  app.run(main, flags_parser=command_line.parse)
