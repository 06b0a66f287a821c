"""Long clips pass through a network in pieces, with the same result.

The trunk of every network ends with a maximum over time, and a frame's features
depend on few neighbours. The maximum over pieces that overlap by these
neighbours is that of the whole clip.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from selfgait_jax.machine import processes, sharding
from selfgait_jax.models import network, pixels


def make_embedder(
  model: network.Network,
  mesh: jax.sharding.Mesh,
  choose: Callable,
  crop_width: int,
  most: int,
) -> Callable:
  """(variables, clip) -> one output of the network, float32 [P, D].

  The clip, uint8 [T, H, W], may have any length; every device takes one piece
  at a time. All processes must call it together, with the same clip.

  Args:
    model: the network.
    mesh: all devices.
    choose: {name: [1, P, D]} of all outputs -> the wanted one.
    crop_width: columns that the network sees.
    most: frames of a piece, unless the network's reach needs more.
  """
  group, reach = model.merged_frames, model.reach
  counted = max(group, (most - 2 * reach) // group * group)

  def peak(variables, frames, mask, counted):
    clips = pixels.crop_frames(frames, crop_width)
    # As in embedder.py.
    with jax.default_matmul_precision('highest'):
      return model.apply(variables, clips, mask, counted=counted, method='peak')

  def step(variables, best, *pieces):
    found = peak(variables, *pieces)
    larger = lambda a, b: jnp.maximum(a, b.max(0, keepdims=True))
    return jax.tree.map(larger, best, found)

  step = sharding.compile_pieces(step, mesh)

  @jax.jit
  def finish(variables, best):
    with jax.default_matmul_precision('highest'):
      pooled = model.apply(variables, best, method='parts')
      outputs = model.apply(variables, pooled, False, method='heads')
    return choose({'pooled': pooled, **outputs})

  def embed(variables: dict, clip: np.ndarray) -> np.ndarray:
    variables, best = sharding.replicate(variables, mesh), None
    for first in range(0, len(clip), counted * mesh.size):
      starts = first + counted * np.arange(mesh.size)
      mine = np.split(starts, processes.count())[processes.index()]
      found = [_piece(clip, start, counted, reach) for start in mine]
      pieces = tuple(np.stack(arrays) for arrays in zip(*found, strict=True))
      if best is None:
        best = _lowest(jax.eval_shape(peak, variables, *pieces))
        best = sharding.replicate(best, mesh)
      pieces = sharding.shard_batch(pieces, mesh)
      newest = step(variables, best, *pieces)
      sharding.keep_pace(newest, best)
      best = newest
    return np.asarray(finish(variables, best))[0]

  return embed


def _piece(clip, start, counted, reach):
  """Frames from `start` with their neighbours, padded to one length.

  Returns:
    uint8 [L, H, W]; bool [L], valid; bool [L], those that count here.
  """
  first = max(0, start - reach)
  some = clip[first : start + counted + reach]
  frames = np.zeros((counted + 2 * reach, *clip.shape[1:]), np.uint8)
  frames[: len(some)] = some
  number = first + np.arange(len(frames))
  mask = number < len(clip)
  return frames, mask, mask & (number >= start) & (number < start + counted)


def _lowest(shapes):
  """-inf in the shapes of one peak."""
  return jax.tree.map(
    lambda x: np.full((1, *x.shape[1:]), -np.inf, x.dtype), shapes
  )
