"""The one training loop, shared by every stage that learns."""

import functools
import json
import pathlib
import signal
import time

import jax
import numpy as np
from absl import logging

from selfgait_jax import (
  checkpointing,
  evaluate,
  health,
  metrics,
  sharding,
  steps,
)
from selfgait_jax import optimizer as optimizers
from selfgait_jax import state as states
from selfgait_jax.data import input_pipeline, splits
from selfgait_jax.data.sequences import SequenceSet
from selfgait_jax.models import factory


class Stopped(Exception):
  """The run was asked to end (SIGTERM) and has saved its state."""


def train(
  config, workdir: pathlib.Path, stage_name: str, sequences: SequenceSet
) -> None:
  """Trains one stage to its last step, from its newest checkpoint if any.

  Args:
    config: the whole config; `config[stage_name]` is the stage.
    workdir: `WORKDIR`; the stage writes to `WORKDIR/<stage>`.
    stage_name: pretrain, finetune, few_scratch, few_pretrained or train.
    sequences: of the training subjects.

  Raises:
    errors.UserError: for bad settings, data, or a loss that is not finite.
    Stopped: after SIGTERM, when the state is saved.
  """
  stage, directory = config[stage_name], workdir / stage_name
  mesh = sharding.make_mesh()
  sharding.check_batch(
    stage.batch_subjects * stage.batch_sequences,
    mesh,
    f'config.{stage_name}.batch_subjects or batch_sequences',
  )

  # Data: the subset is written down before anything is learnt from it.
  subset = splits.training_rows(sequences, config, stage)
  directory.mkdir(parents=True, exist_ok=True)
  (directory / 'subset.json').write_text(json.dumps(subset.names, indent=1))

  # Model, state and checkpoints.
  model = factory.make_model(config.model)
  optimizer = optimizers.make_optimizer(stage)
  manifest = checkpointing.make_manifest(config, stage_name)
  checkpoints = checkpointing.Checkpoints(
    directory, manifest, config.checkpoint.keep
  )
  state = _initial_state(
    config, workdir, stage_name, model, optimizer, checkpoints, mesh
  )

  # Steps.
  bind = functools.partial(
    functools.partial,
    model=model,
    optimizer=optimizer,
    config=config,
    stage=stage,
  )
  compiled = {
    kind: sharding.compile_step(bind(step), mesh)
    for kind, step in (
      ('label_free', steps.pretrain_step),
      ('labelled', steps.supervised_step),
    )
  }
  probe = evaluate.make_probe(config, sequences, model, mesh)
  writer = metrics.Writer(directory, jax.process_index() == 0)
  try:
    state = _loop(
      config, stage_name, state, compiled, subset, sequences, mesh,
      checkpoints, probe, writer,
    )  # fmt: skip
  finally:
    writer.close()
    checkpoints.close()


def is_finished(config, workdir: pathlib.Path, stage_name: str) -> bool:
  """True if the stage's last checkpoint stands in the work folder."""
  last = workdir / stage_name / 'checkpoints' / str(config[stage_name].steps)
  return last.is_dir()


def _loop(
  config, stage_name, state, compiled, subset, sequences, mesh,
  checkpoints, probe, writer,
):  # fmt: skip
  stage = config[stage_name]
  first, last = int(state.step), stage.steps
  stop = _stop_flag()
  batches = input_pipeline.batches(
    sequences, subset, config, stage_name, first, last
  )
  views = 1 if stage.objective == 'supervised' else 2
  clips = stage.batch_subjects * stage.batch_sequences
  progress = metrics.Progress(first, last, clips * stage.frames * views)
  # Steps queued over several CPU devices may wait for each other for ever.
  on_cpu = jax.default_backend() == 'cpu'
  start, warned, previous = _first_signals(checkpoints), False, None
  watch = jax.jit(health.signals)

  # Order: step, log, probe, save. Checkpoint n holds n updates and everything
  # that was measured of them; batch n is a function of (seed, n), so a resumed
  # run asks for the batch that the stopped one would have taken next.
  for step, batch in enumerate(batches, first + 1):
    _profile(config.log.profile_at_step, step, checkpoints.directory.parent)
    kind = 'labelled' if 'label' in batch else 'label_free'
    with jax.profiler.StepTraceAnnotation('train', step_num=step):
      state, scalars, outputs = compiled[kind](
        state, sharding.shard_batch(batch, mesh)
      )
    # One step behind: the device is never idle, the queue never long.
    jax.block_until_ready(state if on_cpu else previous)
    previous = scalars
    progress.tick(step)
    final = step == last
    if step == 1 or final or _due(step, config.log.every_steps):
      values = {k: float(v) for k, v in jax.device_get(scalars).items()}
      # Gathered first: an eigendecomposition sharded over CPU devices can hang.
      signals = watch(sharding.gather(outputs))
      values |= {k: float(v) for k, v in signals.items()}
      health.check_finite(values, step, _last_good(checkpoints))
      writer.scalars(step, values | progress.rates())
      logging.info('%s', progress.line(stage_name, values))
      start = start or values
      words = health.describe(values, start)
      if words and not warned:  # said once, until it is over
        logging.warning('%s step %d: %s', stage_name, step, words)
      warned = bool(words)
    if _due(step, config.log.images_every_steps, 1):
      writer.images(step, _pictures(batch))
    rank1, pause = None, time.monotonic()
    if probe and (final or _due(step, config.log.probe_every_steps)):
      measured = probe(state, stage)
      rank1 = measured['rank1']
      writer.scalars(step, {f'probe/{k}': v for k, v in measured.items()})
      logging.info('%s step %d: probe rank-1 %.1f %%', stage_name, step, rank1)
    if final or stop() or _due(step, config.checkpoint.every_steps):
      loss = {'loss': float(scalars['loss'])}
      health.check_finite(loss, step, _last_good(checkpoints))
      checkpoints.save(state, rank1)
    progress.pause(time.monotonic() - pause)
    if stop() and not final:
      checkpoints.wait()
      raise Stopped(
        f'{stage_name}: stopped at step {step} of {last} and saved; the same '
        'command goes on from here'
      )
  checkpoints.wait()
  return state


def _initial_state(
  config, workdir, stage_name, model, optimizer, checkpoints, mesh
):
  """Where the weights come from. The order is important.

  1. The stage's own newest complete checkpoint: the run goes on.
  2. The last checkpoint of the stage that `init` names, in this work folder.
  3. `config.init_from`.
  4. Random, from the seed.
  In 2 and 3 the weights alone are taken; the step starts at 0, optimiser and
  target anew.
  """
  stage = config[stage_name]
  same = sharding.replicated(mesh)
  variables = states.init_variables(
    model, jax.random.key(config.seed), config.model.crop_width
  )
  label_free = stage.objective != 'supervised'
  build = functools.partial(
    states.create_state, optimizer=optimizer, with_target=label_free
  )
  if checkpoints.latest_step() is not None:
    state = checkpoints.restore(jax.eval_shape(build, variables), same)
    logging.info('%s: goes on after step %d', stage_name, int(state.step))
    return state
  source = str(workdir / stage.init) if stage.init else config.init_from
  if source:
    variables, manifest = checkpointing.load_variables(source, same)
    checkpointing.check_model(manifest, config, source)
    logging.info('%s: starts from %s', stage_name, source)
  metrics.write_table(workdir / stage_name, variables)
  return jax.device_put(build(variables), same)


def _stop_flag():
  """SIGTERM and SIGINT end the run after the current step, saved."""
  asked = []

  def handler(number, frame):
    if asked:  # A second signal ends at once.
      signal.default_int_handler(number, frame)
    asked.append(number)
    logging.warning('signal %d: saving after this step', number)

  for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, handler)
  return lambda: bool(asked)


def _profile(start, step, directory):
  """Traces five steps from `start`, for TensorBoard's profile page."""
  if start and step == start:
    jax.profiler.start_trace(str(directory / 'profile'))
  elif start and step == start + 5:
    jax.profiler.stop_trace()


def _first_signals(checkpoints):
  """What a resumed run logged at its very first step."""
  curves = metrics.read_curves(checkpoints.directory.parent)
  return {name: curve[0][1] for name, curve in curves.items()}


def _due(step, interval, offset=0):
  return interval > 0 and step % interval == offset % interval


def _last_good(checkpoints):
  step = checkpoints.latest_step()
  return 'none yet' if step is None else str(checkpoints.directory / str(step))


def _pictures(batch):
  """One clip a row, for the first four clips: float [N, H, T * W, 1]."""
  strips = {}
  for name in set(batch) - {'label'}:
    clips = batch[name][:4]  # [N, T, H, W]
    rows = np.moveaxis(clips, 1, 2).reshape(
      *clips.shape[:1], clips.shape[2], -1
    )
    strips[name] = rows[..., None] / 255
  return strips
