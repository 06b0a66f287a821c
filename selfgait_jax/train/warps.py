"""Bilinear warps of a clip, and the matrices that steer them.

A matrix, float32 [3, 3], takes (x, y, 1) of the result to where its pixel comes
from, up to a factor; x and y are counted from the middle of the top left pixel.
"""

import functools

import jax
import jax.numpy as jnp

Array = jax.Array


def warp(clip: Array, to_source: Array, width: int) -> Array:
  """The first `width` columns of the warped clip; zeros from outside it.

  Args:
    clip: uint8 [T, H, W].
    to_source: a matrix.
    width: of the result.

  Returns:
    uint8 [T, H, width].
  """
  frames, height, clip_width = clip.shape
  x, y = jnp.arange(width), jnp.arange(height)[:, None]
  across, down, depth = (row[0] * x + row[1] * y + row[2] for row in to_source)
  # One pixel of zeros around the clip stands for all that lies outside it.
  source_x = jnp.clip(across / depth, -1, clip_width) + 1
  source_y = jnp.clip(down / depth, -1, height) + 1
  left, top = jnp.floor(source_x), jnp.floor(source_y)
  right_share, bottom_share = source_x - left, source_y - top
  # Time last: one index then fetches a run of pixels, which is faster.
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


def product(matrices) -> Array:
  """One matrix for warps that follow one another, in their order."""
  # Not a matrix product, which some accelerators round to ten bits.
  return functools.reduce(
    lambda first, then: jnp.sum(first[:, :, None] * then, axis=1), matrices
  )


def shift(right: Array, down: Array) -> Array:
  """Moves the clip."""
  return _matrix((1, 0, -right), (0, 1, -down), (0, 0, 1))


def rotation(angle: Array, centre) -> Array:
  """Turns anticlockwise by radians about (x, y), as OpenCV counts them."""
  cos, sin = jnp.cos(angle), jnp.sin(angle)
  return _about(((cos, -sin), (sin, cos)), centre)


def affine(angle: Array, scale: Array, shear: Array, centre) -> Array:
  """Slides x by `shear` * y, turns clockwise and scales, all about (x, y)."""
  cos, sin = jnp.cos(angle) / scale, jnp.sin(angle) / scale
  return _about(((cos + shear * sin, sin - shear * cos), (-sin, cos)), centre)


def triangles(source: Array, target: Array) -> Array:
  """Moves the corners `source` to `target`, both [3, 2] of (x, y)."""
  (a, b), (c, d) = (target[1:] - target[0]).T
  inverse = jnp.array(((d, -b), (-c, a))) / (a * d - b * c)
  linear = product([(source[1:] - source[0]).T, inverse])
  turned = _matrix((*linear[0], 0), (*linear[1], 0), (0, 0, 1))
  return product([shift(*-source[0]), turned, shift(*target[0])])


def trapezium(top, bottom, height: int, width: int) -> Array:
  """Perspective: columns top[0]..top[1] of row 0 and bottom[0]..bottom[1] of
  row `height` become 0..`width`.

  The two rows stay parallel, so the general solution shrinks to this one.
  """
  (a, b), (c, d) = top, bottom
  ratio = (b - a) / (d - c)
  return _matrix(
    ((b - a) / width, (ratio * c - a) / height, a),
    (0, ratio, 0),
    (0, (ratio - 1) / height, 1),
  )


def _about(linear, centre):
  (a, b), (c, d) = linear
  x, y = centre
  return _matrix(
    (a, b, x - a * x - b * y), (c, d, y - c * x - d * y), (0, 0, 1)
  )


def _matrix(*rows):
  return jnp.array(rows, jnp.float32)
