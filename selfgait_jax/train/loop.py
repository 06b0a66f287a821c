"""The training loop that all stages share."""

import contextlib
import functools
import pathlib
from collections.abc import Callable

import jax
import numpy as np

from selfgait_jax import errors
from selfgait_jax.data import feeds, input_pipeline, splits
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.machine import files, lockstep, processes, sharding, signals
from selfgait_jax.run import checkpointing, manifests, metrics
from selfgait_jax.train import mixing, monitor, rounds, start, steps
from selfgait_jax.train.task import make_task


def train(
  config,
  workdir: pathlib.Path,
  stage_name: str,
  sequences: SequenceSet,
  make_check: Callable = lambda *_: None,
) -> None:
  """Trains one stage to its last step, resuming from its newest checkpoint.

  Args:
    config: the whole config; `config[stage_name]` is the stage.
    workdir: `WORKDIR`; the stage writes to `WORKDIR/<stage>`.
    stage_name: pretrain, finetune, few_scratch, few_pretrained or train.
    sequences: of the training subjects.
    make_check: (config, sequences, model, mesh) -> the held-out check, or None
      for none; see evaluate/held_out.py.

  Raises:
    errors.UserError: for bad settings, data, or a loss that is not finite.
    signals.Stopped: the run was asked to end and has saved its state; only
      after `signals.answer`, as in `main`.
  """
  directory, mesh = workdir / stage_name, sharding.make_mesh()
  task = make_task(config, config[stage_name])

  # The sequences that the stage learns from, recorded before it starts.
  subset = splits.training_rows(sequences, config, task.stage)
  source = start.find_source(config, workdir, task.stage)
  processes.from_first(lambda: _check_unseen(task, workdir, source, sequences))
  learnt = sequences
  if task.stage.get('pseudo_identities'):
    learnt, subset = mixing.mix(sequences, subset, source, config, stage_name)
  _check_classes(config, stage_name, learnt, subset)
  processes.from_first(lambda: _check_same_data(task, directory, subset))
  directory.mkdir(parents=True, exist_ok=True)
  if processes.is_first():
    files.write_json(directory / 'subset.json', subset.names)

  # The state that it starts from or resumes from.
  manifest = manifests.make_manifest(
    config, stage_name, task.setting, source, start.setting_of(source)
  )
  checkpoints = checkpointing.Checkpoints(
    directory, manifest, config.checkpoint.keep
  )
  state = start.load_state(task, stage_name, source, checkpoints, mesh)
  first, last = int(state.step), task.stage.steps
  if first > last:
    raise errors.UserError(
      f'expected at most {last} steps done in {directory}, found {first}; '
      f'raise config.{stage_name}.steps or change --workdir'
    )
  if processes.is_first():
    metrics.write_table(directory, state.params)

  # Label-free stages see no name from here on.
  check = make_check(config, sequences, task.model, mesh)
  if task.setting:
    learnt, subset = splits.hide(sequences, subset, task.setting)
  feed = feeds.make_feed(config, learnt, subset, mesh)

  # Batch n depends only on the seed and on n, so a resumed run continues with
  # the batch that the stopped run would have taken next.
  if task.stage.objective == 'clusters':
    batches = rounds.batches(
      task, stage_name, directory, learnt, subset, first, mesh,
      lambda: {'params': state.params, 'batch_stats': state.batch_stats},
    )  # fmt: skip
  else:
    batches = input_pipeline.batches(
      learnt, subset, config, stage_name, first, last,
      (processes.index(), processes.count()),
    )  # fmt: skip
  label_free_step, labelled_step = (
    sharding.compile_step(functools.partial(step, task), mesh, feed)
    for step in (steps.pretrain_step, steps.supervised_step)
  )
  watcher = monitor.Monitor(
    config, stage_name, directory, first, check, checkpoints, feed
  )
  with (
    contextlib.closing(checkpoints),
    contextlib.closing(watcher),
    processes.fail_together(signals.Stopped),
    contextlib.closing(lockstep.Team(mesh)) as team,
    contextlib.ExitStack() as listening,
  ):
    previous = None
    for step, batch in enumerate(team.timed(batches), first + 1):
      with jax.profiler.StepTraceAnnotation('train', step_num=step):
        train_step = labelled_step if 'label' in batch else label_free_step
        state, scalars, outputs = train_step(state, feed.place(batch))
      if step == first + 1:
        # Until here a signal ends the program at once: there is nothing to
        # save yet, and compiling the first step may take minutes.
        asked_to_stop = listening.enter_context(signals.stop_flag())
      sharding.keep_pace(state, previous)
      previous = scalars

      rank1 = watcher.after(step, state, batch, scalars, outputs)

      stop = team.agree(step, asked_to_stop(), step == last)
      due = monitor.due(step, config.checkpoint.every_steps)
      if step == last or stop or due or rank1 is not None:
        # A finite loss can have a gradient that is not. Such a state cannot
        # learn and must not replace a good checkpoint.
        watcher.check_finite(step, scalars)
        checkpoints.save(state, rank1)
      if stop:
        checkpoints.wait()
        raise signals.Stopped(
          f'stopped at step {step} of {last} and saved; the same command goes '
          'on from here'
        )
    checkpoints.wait()


def _check_same_data(task, directory, subset):
  """A stage that goes on must learn from what it has learned from so far."""
  if checkpointing.complete_steps(directory / 'checkpoints'):
    splits.check_same(directory / 'subset.json', subset)


def _check_unseen(task, workdir, source, sequences):
  """The stage it starts from must not have learned the held-out subjects."""
  if source == str(workdir / task.stage.init):
    path = workdir / task.stage.init / 'subset.json'
    splits.check_unseen(path, sequences, task.config)


def _check_classes(config, stage_name, sequences, subset):
  if not config[stage_name].cross_entropy_weight:
    return
  subjects = len(np.unique(sequences.subjects[subset.labelled]))
  if config.model.classes != subjects:
    raise errors.UserError(
      f'expected config.model.classes={subjects}, the labelled subjects of '
      f'{stage_name}, found {config.model.classes}; change config.model.classes'
    )
