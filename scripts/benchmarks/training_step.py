"""Builds the training step that several cases of `benchmark.py` examine."""

import argparse
import ast
import functools
import itertools
from collections.abc import Callable
from typing import NamedTuple

import jax
from flax import linen as nn

from benchmarks import common
from selfgait_jax import errors
from selfgait_jax.configs import default
from selfgait_jax.data import datasets, input_pipeline, splits
from selfgait_jax.machine import sharding
from selfgait_jax.models import factory
from selfgait_jax.settings import networks
from selfgait_jax.train import steps
from selfgait_jax.train.task import make_task

NETWORKS = tuple(factory.MODELS)
# Each value of --step: the stage it belongs to, the function, and how many
# times it sees each frame of a batch.
LABEL_FREE = ('pretrain', steps.pretrain_step, 2)
SUPERVISED = ('train', steps.supervised_step, 1)
STEPS = dict.fromkeys(NETWORKS, SUPERVISED)
STEPS |= {
  'selfgait': LABEL_FREE,
  'gaitssb': LABEL_FREE,
  'selfgait_triplet': SUPERVISED,
}


class Training(NamedTuple):
  """A training step and what it needs."""

  model: nn.Module
  make_batch: Callable  # step number -> this process's part of the batch
  make_state: Callable  # () -> the state before the first step
  step: Callable  # (state, batch) -> (state, ...), jitted


def network_options(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
    '--step',
    choices=STEPS,
    default='selfgait',
    help='selfgait (with a target network) and gaitssb learn from two views '
    'without labels; the others by triplet loss, and by cross-entropy if they '
    'have a classifier',
  )
  parser.add_argument(
    '--setting',
    action='append',
    default=[],
    metavar='KEY=VALUE',
    help='of the network, such as remat=True or microbatches=4; repeatable',
  )


def published_options(parser: argparse.ArgumentParser) -> None:
  """Adds a step and its batch, by default of the published size."""
  network_options(parser)
  common.batch_options(parser, sequences=128, frames=30)
  common.dtype_option(parser)


def prepare(options: argparse.Namespace, mesh: jax.sharding.Mesh) -> Training:
  """The training step that the options ask for, on the devices of `mesh`."""
  config, stage, function = configure(options.step, options.sequences, options)
  for setting in options.setting:
    key, _, value = setting.partition('=')
    if key not in config.model or not value:
      raise errors.UserError(
        f'expected KEY=VALUE of {config.model.name} with a key out of '
        f'{", ".join(config.model)}, found {setting}; change --setting'
      )
    config.model[key] = ast.literal_eval(value)
  sharding.check_batch(
    options.sequences, mesh, '--sequences', config.model.microbatches
  )
  make_state, step = compile_step(config, config[stage], function, mesh)
  model = factory.make_model(config.model)
  return Training(model, _batch_function(config, stage), make_state, step)


def configure(step: str, clips: int, options: argparse.Namespace) -> tuple:
  """(config, name of the stage, step function) of one of `STEPS`.

  Args:
    step: its name.
    clips: in a batch.
    options: `frames` and `dtype` are read.
  """
  config = network_config(step.removesuffix('_triplet'), options.dtype)
  name, function, _ = STEPS[step]
  stage = config[name]
  stage.cross_entropy_weight = float(config.model.get('classes', 0) > 0)
  if step == 'gaitssb':
    stage.cosine_weight, stage.infonce_weight = 0.0, 1.0
    stage.infonce_target = 'online'
  subjects = _subjects(clips)
  stage.batch_subjects = subjects
  stage.batch_sequences = clips // subjects
  stage.frames = options.frames
  return config, name, function


def network_config(network: str, dtype: str):
  """The default config with one of `NETWORKS`."""
  config = default.get_config()
  config.model = getattr(networks, network)()
  config.model.dtype = dtype
  return config


def compile_step(config, stage, function, mesh, feed=None) -> tuple:
  """(function that makes the state before the first step, jitted step)."""
  task = make_task(config, stage)

  def make_state():
    variables = factory.init_variables(
      task.model, jax.random.key(0), config.model.crop_width
    )
    state = task.first_state(variables)
    return jax.device_put(state, sharding.replicated(mesh))

  step = functools.partial(function, task)
  return make_state, sharding.compile_step(step, mesh, feed)


def count_flop(step: Callable, state, batch) -> float:
  """XLA's count of a step's floating-point operations; nothing runs.

  The step is lowered for a TPU, where no convolution becomes a loop, whose
  body XLA would count only once.
  """
  traced = step.trace(*common.shapes((state, batch)))
  return traced.lower(lowering_platforms=('tpu',)).cost_analysis()['flops']


def _subjects(clips):
  """The most subjects, at most 8, that divide a batch, two clips or more each.

  1 if no number does.
  """
  found = [p for p in range(1, 9) if clips % p == 0 and 2 * p <= clips]
  return max(found, default=1)


def _batch_function(config, stage):
  """Step number -> this process's part of a batch of random sequences."""
  facts = datasets.CASIA_B
  found = common.random_sequences(
    itertools.product(facts.subjects[:8], facts.conditions, facts.views[:2])
  )
  train = splits.cut(found, config, 'train')
  subset = splits.training_rows(train, config, config[stage])
  part = jax.process_index(), jax.process_count()
  return input_pipeline.batch_function(train, subset, config, stage, part)
