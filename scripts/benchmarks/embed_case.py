"""The case `embed` of `benchmark.py`: the forward pass of a network."""

import argparse
import functools
from collections.abc import Iterator

import jax
import numpy as np

from benchmarks import beside, common, training_step
from selfgait_jax.machine import sharding
from selfgait_jax.models import factory, pixels

WARM_UP = 2  # runs that are not timed


def options(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
    '--model',
    choices=training_step.NETWORKS,
    default='selfgait',
    help='network',
  )
  common.batch_options(parser)
  common.repeats_option(parser, 7)
  common.device_options(parser)
  beside.options(parser)


def run(options: argparse.Namespace) -> Iterator[dict]:
  """Frames per second of the forward pass: of the trunk alone, and of all."""
  mesh = common.make_batch_mesh(options)
  config = training_step.network_config(options.model, options.dtype)
  model = factory.make_model(config.model)
  variables = jax.device_put(
    factory.init_variables(model, jax.random.key(0), config.model.crop_width),
    sharding.replicated(mesh),
  )
  shape = options.sequences, options.frames
  frames = np.random.default_rng(0).integers(0, 256, (*shape, 64, 64), np.uint8)
  batch = sharding.shard_batch((frames, np.ones(shape, bool)), mesh)
  frames_alone = options.model == 'selfgait'

  def encode(variables, frames, mask):
    clips = pixels.crop_frames(frames, config.model.crop_width)
    method = lambda m: m.encoder(clips) if frames_alone else m.pool(clips, mask)
    with jax.default_matmul_precision('highest'):
      return model.apply(variables, method=method)

  def embed(variables, frames, mask):
    clips = pixels.crop_frames(frames, config.model.crop_width)
    with jax.default_matmul_precision('highest'):  # as the embedder does
      return model.apply(variables, clips, mask)['embedding']

  trunk = 'encoder' if frames_alone else 'trunk'
  for part, function in ((trunk, encode), ('embedding', embed)):
    compile_seconds, forward = common.seconds(
      sharding.compile_embed(function, mesh).lower(variables, *batch).compile
    )
    call = functools.partial(forward, variables, *batch)
    common.median_seconds(call, WARM_UP)
    seconds = common.median_seconds(call, options.repeats)
    yield {
      'model': options.model,
      'part': part,
      **common.batch_line(options, mesh, seconds, compile_seconds),
    }
