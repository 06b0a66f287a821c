"""The one training loop, shared by every stage that learns."""

import contextlib
import functools
import pathlib
from collections.abc import Callable

import jax
import numpy as np
from absl import logging

from selfgait_jax import errors
from selfgait_jax.data import input_pipeline, resident, splits
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.machine import files, lockstep, processes, sharding, signals
from selfgait_jax.models import factory
from selfgait_jax.run import (
  checkpointing,
  identity,
  manifests,
  metrics,
  transfer,
)
from selfgait_jax.train import monitor, steps
from selfgait_jax.train import optimizer as optimizers
from selfgait_jax.train import state as states


def train(
  config,
  workdir: pathlib.Path,
  stage_name: str,
  sequences: SequenceSet,
  make_check: Callable = lambda *_: None,
) -> None:
  """Trains one stage to its last step, from its newest checkpoint if any.

  Args:
    config: the whole config; `config[stage_name]` is the stage.
    workdir: `WORKDIR`; the stage writes to `WORKDIR/<stage>`.
    stage_name: pretrain, finetune, few_scratch, few_pretrained or train.
    sequences: of the training subjects.
    make_check: (config, sequences, model, mesh) -> the held-out check, None
      for none; see evaluate/held_out.py.

  Raises:
    errors.UserError: for bad settings, data, or a loss that is not finite.
    interruption.Stopped: asked to end, when the state is saved; only where
      `interruption.answer` hears signals, as in `main`.
  """
  stage, directory = config[stage_name], workdir / stage_name
  mesh = sharding.make_mesh()

  # Data: the subset is written down before anything is learnt from it.
  subset = splits.training_rows(sequences, config, stage)
  directory.mkdir(parents=True, exist_ok=True)
  if processes.is_first():
    files.write_json(directory / 'subset.json', subset.names)

  _check_classes(config, stage_name, sequences, subset)
  place, take, store = resident.make_placement(config, sequences, subset, mesh)

  # Model, state and checkpoints.
  model = factory.make_model(config.model)
  optimizer = optimizers.make_optimizer(stage)
  source = _source(config, workdir, stage)
  manifest = manifests.make_manifest(config, stage_name, source)
  checkpoints = checkpointing.Checkpoints(
    directory, manifest, config.checkpoint.keep
  )
  state = _initial_state(
    config, stage_name, source, model, optimizer, checkpoints, mesh
  )
  if processes.is_first():
    metrics.write_table(directory, state.params)

  # Steps.
  bind = functools.partial(
    functools.partial,
    model=model,
    optimizer=optimizer,
    config=config,
    stage=stage,
  )
  compiled = {
    kind: sharding.compile_step(bind(step), mesh, take)
    for kind, step in (
      ('label_free', steps.pretrain_step),
      ('labelled', steps.supervised_step),
    )
  }

  # The loop.
  first = int(state.step)
  if first > stage.steps:
    raise errors.UserError(
      f'expected at most {stage.steps} steps done in {directory}, found '
      f'{first}; raise config.{stage_name}.steps or change --workdir'
    )
  check = make_check(config, sequences, model, mesh)
  watcher = monitor.Watch(
    config,
    stage_name,
    directory,
    first,
    check,
    checkpoints.describe_latest,
    store,
  )
  batches = input_pipeline.batches(
    sequences,
    subset,
    config,
    stage_name,
    first,
    stage.steps,
    (processes.index(), processes.count()),
  )
  try:
    with (
      processes.fail_together(signals.Stopped),
      contextlib.closing(lockstep.Team(mesh)) as everyone,
    ):
      _loop(
        config, stage, state, compiled, batches, place, checkpoints, watcher,
        everyone,
      )  # fmt: skip
  finally:
    watcher.close()
    checkpoints.close()


def batch_sizes(config) -> list[int]:
  """Clips that the trunk takes at once, of every stage in `config.stages`."""
  parts = config.model.microbatches
  return [_batch(config[name]) // parts for name in _stages(config)]


def check_batches(config, workdir: pathlib.Path) -> None:
  """Raises UserError if the devices cannot share what is still to be trained.

  Before the first stage starts: the last one may be hours away.
  """
  mesh = sharding.make_mesh()
  for name in _stages(config):
    if not is_finished(config, workdir, name):
      key = f'config.{name}.batch_subjects or batch_sequences'
      parts = config.model.microbatches
      sharding.check_batch(_batch(config[name]), mesh, key, parts)


def is_finished(config, workdir: pathlib.Path, stage_name: str) -> bool:
  """True if the stage's last checkpoint stands in the work folder."""
  last = workdir / stage_name / 'checkpoints' / str(config[stage_name].steps)
  return processes.from_first(last.is_dir)


def _stages(config):
  return [name for name in identity.STAGES if name in config.stages.split(',')]


def _batch(stage):
  return stage.batch_subjects * stage.batch_sequences


def _loop(
  config, stage, state, compiled, batches, place, checkpoints, watcher, everyone
):
  """Order: step, measure, save.

  Checkpoint n holds n updates and all that was measured of them. Batch n is a
  function of (seed, n), so a resumed run asks for the very batch that the
  stopped one would have taken next.
  """
  previous = None
  with contextlib.ExitStack() as learning:
    asked_to_stop = None
    timed = everyone.timed(batches)
    for step, batch in enumerate(timed, int(state.step) + 1):
      kind = 'labelled' if 'label' in batch else 'label_free'
      with jax.profiler.StepTraceAnnotation('train', step_num=step):
        state, scalars, outputs = compiled[kind](state, *place(batch))
      # Before, there was nothing to save, and a compiler to wait for.
      asked_to_stop = asked_to_stop or learning.enter_context(
        signals.stop_flag()
      )
      sharding.keep_pace(state, previous)
      previous = scalars
      rank1 = watcher.after(step, state, batch, scalars, outputs)
      final = step == stage.steps
      stop = everyone.agree(step, asked_to_stop(), final)
      due = monitor.due(step, config.checkpoint.every_steps)
      if final or stop or due or rank1 is not None:
        # What cannot go on is not saved over what can: a finite loss may have
        # had a gradient that is not.
        watcher.check_finite(step, scalars)
        checkpoints.save(state, rank1)
      if stop:
        checkpoints.wait()
        raise signals.Stopped(
          f'stopped at step {step} of {stage.steps} and saved; the same '
          'command goes on from here'
        )
    checkpoints.wait()


def _check_classes(config, stage_name, sequences, subset):
  if not config[stage_name].cross_entropy_weight:
    return
  subjects = len(np.unique(sequences.subjects[subset.labelled]))
  if config.model.classes != subjects:
    raise errors.UserError(
      f'expected config.model.classes={subjects}, the labelled subjects of '
      f'{stage_name}, found {config.model.classes}; change config.model.classes'
    )


def _source(config, workdir, stage) -> str:
  """Where a stage's first weights come from. The order is important.

  1. The last checkpoint of the stage that `init` names, in this work folder.
  2. `config.init_from`; an `init` that has not run then counts as none.
  3. Random, from the seed: ''.
  """
  earlier = workdir / stage.init
  if stage.init and (
    not config.init_from or processes.from_first(earlier.is_dir)
  ):
    return str(earlier)
  return config.init_from


def _initial_state(
  config, stage_name, source, model, optimizer, checkpoints, mesh
):
  """The stage's own newest complete checkpoint, else the weights of `source`.

  Of a source the weights alone are taken; the step starts at 0, optimiser and
  target anew.
  """
  stage = config[stage_name]
  same = sharding.replicated(mesh)
  variables = factory.init_variables(
    model, jax.random.key(config.seed), config.model.crop_width
  )
  label_free = stage.objective != 'supervised'
  build = functools.partial(
    states.create_state,
    optimizer=optimizer,
    target_modules=model.target_modules if label_free else (),
  )
  if processes.from_first(checkpoints.latest_step) is not None:
    state = checkpoints.restore(jax.eval_shape(build, variables), same)
    logging.info('%s: goes on after step %d', stage_name, int(state.step))
    return state
  if source:
    found, manifest = checkpointing.load_variables(source, same)
    manifests.check_model(manifest, config, source, transfer.HEAD_SETTINGS)
    variables = transfer.start_from(found, variables, manifest['checkpoint'])
    logging.info('%s: starts from %s', stage_name, manifest['checkpoint'])
    done, planned = manifest.get('step'), manifest['source'].get('steps')
    if planned and done < planned:
      logging.warning('that is step %d of %d only', done, planned)
  return sharding.replicate(build(variables), mesh)
