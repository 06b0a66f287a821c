"""The case `memory` of `benchmark.py`: will a step's batch fit?"""

import functools

import jax
import jax.numpy as jnp

from benchmarks import common, steps
from selfgait_jax.machine import sharding


def memory_case(options):
  """Memory of one training step at this batch, which need not fit.

  `kept_gb` is what the forward pass of the (online) network keeps for the
  gradient, found by tracing: the same for every device, without the savings of
  a compiler that fuses; what one block (`remat`) or one part (`microbatches`)
  holds while it is computed again comes on top. `temporary_gb` is what the step
  compiled for this device asks for besides state and batch, over all devices
  (a CPU computes in float32).
  """
  mesh = steps.make_mesh(options)
  model, make, state, step = steps.prepare(options, mesh)
  batch = make(0)
  kept = jax.eval_shape(functools.partial(_backward, model), state, batch)
  lowered = step.lower(state, sharding.shard_batch(batch, mesh))
  compile_seconds, compiled = common.seconds(lowered.compile)
  temporary = compiled.memory_analysis().temp_size_in_bytes * mesh.size
  bytes_kept = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(kept))
  yield {
    'step': options.step,
    'setting': options.setting,
    'kept_gb': round(bytes_kept / 1e9, 2),
    'temporary_gb': round(temporary / 1e9, 2),
    'sequences': options.sequences,
    'frames': options.frames,
    'dtype': options.dtype,
    'compile_seconds': round(compile_seconds, 1),
    **common.describe(mesh),
  }


def _backward(model, state, batch):
  """The network's gradient function, which holds what was kept for it."""
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
