"""The case `memory` of `benchmark.py`: the memory of one training step."""

import argparse
import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp

from benchmarks import common, training_step
from selfgait_jax.machine import sharding


def options(parser: argparse.ArgumentParser) -> None:
  training_step.network_options(parser)
  common.batch_options(parser)
  common.device_options(parser)


def run(options: argparse.Namespace) -> Iterator[dict]:
  """Memory that one training step needs at this batch, without running it.

  `kept_gb` is what the forward pass of the (online) network keeps for the
  gradient. It is found by tracing, so it is the same for every device and does
  not know what a compiler saves by fusing. The recomputation of one block
  (`remat`) or one part (`microbatches`) needs memory on top. `temporary_gb` is
  what the step compiled for this device needs besides state and batch, summed
  over all devices (a CPU computes in float32).
  """
  mesh = common.make_batch_mesh(options)
  training = training_step.prepare(options, mesh)
  state, batch = training.make_state(), training.make_batch(0)
  backward = functools.partial(_backward, training.model)
  kept = jax.tree.leaves(jax.eval_shape(backward, state, batch))
  lowered = training.step.lower(state, sharding.shard_batch(batch, mesh))
  compile_seconds, compiled = common.seconds(lowered.compile)
  temporary = compiled.memory_analysis().temp_size_in_bytes * mesh.size
  yield {
    **common.requested(options, 'step', 'setting'),
    'kept_gb': common.gigabytes(sum(x.size * x.dtype.itemsize for x in kept)),
    'temporary_gb': common.gigabytes(temporary),
    **common.requested(options, 'sequences', 'frames', 'dtype'),
    'compile_seconds': round(compile_seconds, 1),
    **common.describe(mesh),
  }


def _backward(model, state, batch):
  """The network's gradient function, which holds what is kept for it."""
  if 'clip' in batch:
    clips = batch['clip']
    apply = functools.partial(
      model.apply, mask=None, train=True, method='learn'
    )
  else:
    clips = jnp.stack([batch['clip_1']] * 2, 1)
    apply = functools.partial(model.apply, method='online_views')

  def forward(params):
    variables = {'params': params, 'batch_stats': state.batch_stats}
    crop = clips[..., 10:54].astype(jnp.float32)
    return apply(variables, crop, mutable=['batch_stats'])

  return jax.vjp(forward, state.params)[1]
