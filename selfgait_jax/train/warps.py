"""Bilinear warps of a clip and the matrices that describe them.

A matrix, float32 [3, 3], maps the position (x, y, 1) of a pixel in the result
to the position in the source that it is read from, in homogeneous coordinates.
The origin is the centre of the top left pixel.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

Array = jax.Array


def warp(clip: Array, to_source: Array, width: int) -> Array:
  """Warps all frames of a clip alike; what lies outside the source is 0.

  Args:
    clip: uint8 [T, H, W].
    to_source: the matrix.
    width: columns of the result.

  Returns:
    uint8 [T, H, width].
  """
  frames, height, clip_width = clip.shape
  x, y = jnp.arange(width), jnp.arange(height)[:, None]
  across, down, depth = (row[0] * x + row[1] * y + row[2] for row in to_source)
  # A border of one zero pixel represents everything outside the clip.
  source_x = jnp.clip(across / depth, -1, clip_width) + 1
  source_y = jnp.clip(down / depth, -1, height) + 1
  left, top = jnp.floor(source_x), jnp.floor(source_y)
  right_share, bottom_share = source_x - left, source_y - top
  # Time last, so that one index reads the pixel of all frames at once.
  padded = jnp.pad(clip, [(0, 0), (1, 2), (1, 2)]).transpose(1, 2, 0)
  pixels = padded.reshape(-1, frames)
  below = clip_width + 3
  corner = (top * below + left).astype(jnp.int32)  # [H, width]

  def weighted(offset, share):
    return pixels[corner + offset].astype(jnp.float32) * share[..., None]

  result = (
    weighted(0, (1 - right_share) * (1 - bottom_share))
    + weighted(1, right_share * (1 - bottom_share))
    + weighted(below, (1 - right_share) * bottom_share)
    + weighted(below + 1, right_share * bottom_share)
  )
  return jnp.round(result).astype(jnp.uint8).transpose(2, 0, 1)


def product(matrices: Sequence[Array]) -> Array:
  """The matrix of several warps, applied in the given order."""
  # `@` would round to 10 bits on some accelerators.
  return functools.reduce(
    lambda first, then: jnp.sum(first[:, :, None] * then, axis=1), matrices
  )


def shift(right: float | Array, down: float | Array) -> Array:
  """Moves the clip right and down by pixels."""
  return _matrix((1, 0, -right), (0, 1, -down), (0, 0, 1))


def rotation(angle: Array, centre: tuple[float, float]) -> Array:
  """Turns the clip anticlockwise by `angle` radians about the point (x, y)."""
  cos, sin = jnp.cos(angle), jnp.sin(angle)
  x, y = centre
  return _matrix(
    (cos, -sin, x - cos * x + sin * y),
    (sin, cos, y - sin * x - cos * y),
    (0, 0, 1),
  )


def triangles(source: Array, target: Array) -> Array:
  """Maps one triangle to another; both are [3, 2], the (x, y) of 3 corners."""
  (a, b), (c, d) = (target[1:] - target[0]).T
  inverse = jnp.array(((d, -b), (-c, a))) / (a * d - b * c)
  linear = product([(source[1:] - source[0]).T, inverse])
  turned = _matrix((*linear[0], 0), (*linear[1], 0), (0, 0, 1))
  return product([shift(*-source[0]), turned, shift(*target[0])])


def trapezium(
  top: tuple[Array, Array],
  bottom: tuple[Array, Array],
  height: int,
  width: int,
) -> Array:
  """Stretches a trapezium to the whole frame.

  Because its two parallel sides stay horizontal, the general perspective
  transform simplifies to this one.

  Args:
    top: first and last column of its upper side, in row 0.
    bottom: first and last column of its lower side, in row `height`.
    height: of the frame.
    width: of the frame.
  """
  (a, b), (c, d) = top, bottom
  ratio = (b - a) / (d - c)
  return _matrix(
    ((b - a) / width, (ratio * c - a) / height, a),
    (0, ratio, 0),
    (0, (ratio - 1) / height, 1),
  )


def _matrix(*rows):
  return jnp.array(rows, jnp.float32)
