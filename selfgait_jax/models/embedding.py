"""The program that turns silhouettes into embeddings, wherever it runs."""

import jax

from selfgait_jax import errors
from selfgait_jax.models import network, pixels


def embed(
  variables: dict,
  frames: jax.Array,
  mask: jax.Array,
  *,
  model: network.Network,
  output: str,
  crop_width: int,
) -> jax.Array:
  """uint8 [B, T, 64, W], bool [B, T] -> float32 [B, P, D].

  Args:
    variables: of the network.
    frames: silhouettes, 0..255.
    mask: True for valid frames, which come first.
    model: the network.
    output: name of the network's output to return.
    crop_width: columns that the network sees, the middle ones of W.

  Raises:
    UserError: the network has no such output.
  """
  clips = pixels.crop_frames(frames, crop_width)
  # A GPU or TPU would otherwise multiply in TF32 or bfloat16 and round more
  # than docs/import.md allows.
  with jax.default_matmul_precision('highest'):
    outputs = model.apply(variables, clips, mask)
  return choose(outputs, output)


def choose(outputs: dict[str, jax.Array], output: str) -> jax.Array:
  """The output of that name; UserError if the network has none such."""
  if output not in outputs:
    raise errors.UserError(
      f'expected an output of the network out of {", ".join(outputs)}, found '
      f'{output!r}; change config.eval.label_free_output'
    )
  return outputs[output]
