"""A checkpoint as one StableHLO file for CPU, GPU and TPU, by `jax.export`."""

import pathlib

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
from jax import export

from selfgait_jax.export import program
from selfgait_jax.machine import files
from selfgait_jax.run import checkpointing

PLATFORMS = ('cpu', 'cuda', 'tpu')


def write(checkpoint: str, output: pathlib.Path) -> None:
  """Writes the file `output`, whole or not at all.

  It takes any number of clips and of frames; see `program.make`.

  Args:
    checkpoint: as `checkpointing.load_variables` takes it.
    output: the file.

  Raises:
    UserError: there is no checkpoint, or the file cannot be written.
  """
  variables, manifest = checkpointing.load_variables(checkpoint)
  exported = _export(variables, manifest)
  with files.output(output) as partial:
    partial.write_bytes(exported.serialize())


def _export(variables, manifest):
  embed = program.make(manifest)
  symbols = export.symbolic_shape('batch, frames')
  inputs = program.shapes(manifest, *symbols)
  variables = jax.tree.map(np.asarray, variables)
  leaves, tree = jax.tree.flatten(variables)
  # A classifier of 20,000 people is larger than the network. What the embedding
  # does not use becomes zeros, which take no room.
  used = _used(embed, variables, manifest)

  def with_weights(frames, mask):
    kept = [
      leaf if place in used else jnp.zeros(leaf.shape, leaf.dtype)
      for place, leaf in enumerate(leaves)
    ]
    return embed(tree.unflatten(kept), frames, mask)

  return export.export(jax.jit(with_weights), platforms=PLATFORMS)(*inputs)


def _used(embed, variables, manifest):
  """Places of the variables, among their leaves, that the embedding uses."""
  inputs = program.shapes(manifest, 1, 3)
  jaxpr = jax.make_jaxpr(embed)(variables, *inputs).jaxpr
  needed = set(jaxpr.outvars)
  for equation in reversed(jaxpr.eqns):
    if needed.intersection(equation.outvars):
      is_value = lambda x: not isinstance(x, jax.extend.core.Literal)
      needed.update(filter(is_value, equation.invars))
  return {place for place, x in enumerate(jaxpr.invars) if x in needed}
