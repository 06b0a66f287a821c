"""Clothes for one clip, uint8 [T, H, W], for given parameters.

augment.py draws the parameters. The rows are those of frames of 64 rows.
"""

import jax
import jax.numpy as jnp

from selfgait_jax.train import clip_ops

Array = jax.Array

WIDEST = 3  # pixels by which a coat can widen each side
FILL_FROM = 30  # row from which a coat hides the gaps at the arms and thighs


def put_on_coat(
  clip: Array, top: Array, bottom: Array, flare: Array, lags: Array
) -> Array:
  """Puts a coat over the rows top <= row < bottom.

  Each side is widened by 1 pixel in the first row and by `flare` in the last,
  linearly in between. From row `FILL_FROM` on, what lies between the outermost
  pixels of a row is filled. Blank frames stay blank.

  Args:
    clip: uint8 [T, H, W].
    top: row of the shoulders.
    bottom: row after the hem.
    flare: 1..`WIDEST`.
    lags: bool; True adds the coat of the frames before and after, because cloth
      follows late.

  Returns:
    uint8 [T, H, W].
  """
  rise = jnp.arange(clip.shape[1])[:, None] - top
  last = bottom - 1 - top
  # In integers, which round alike on every device.
  reach = 1 + (2 * (flare - 1) * rise + last) // (2 * last)
  coat = clip
  for pixels in range(1, WIDEST + 1):
    wider = clip_ops.maximum_of_three(coat, 2)
    coat = jnp.where(pixels <= reach, wider, coat)
  sides = (jax.lax.cummax(coat, axis=2, reverse=r) for r in (False, True))
  low = clip_ops.rows_between(clip, FILL_FROM, bottom)
  coat = jnp.where(low, jnp.minimum(*sides), coat)
  coat = jnp.where(lags, clip_ops.maximum_of_three(coat, 0), coat)
  inside = clip_ops.rows_between(clip, top, bottom)
  return jnp.where(inside & _any_white(clip), coat, clip)


def add_bag(
  clip: Array, row: Array, offset: Array, height: Array, width: Array
) -> Array:
  """Adds a white ellipse that moves with the silhouette.

  Blank frames stay blank.

  Args:
    clip: uint8 [T, H, W].
    row: of the middle.
    offset: columns from the silhouette's centroid to the middle; negative to
      the left.
    height: rows of the ellipse.
    width: its columns.

  Returns:
    uint8 [T, H, W].
  """
  y, x = jnp.arange(clip.shape[1])[:, None], jnp.arange(clip.shape[2])
  middle = (_centroid(clip) + offset)[:, None, None]
  # From the middle of the rows and columns covered, which may be half a pixel.
  down = y - (row - height // 2) - (height - 1) / 2
  right = x - (middle - width // 2) - (width - 1) / 2
  inside = (2 * down / height) ** 2 + (2 * right / width) ** 2 < 1
  return jnp.where(inside & _any_white(clip), 255, clip).astype(clip.dtype)


def _centroid(clip):
  """Mean column of each frame's white, rounded, int [T]; 0 for blank frames."""
  by_column = jnp.sum(clip, axis=1, dtype=jnp.int32)  # [T, W]
  total = jnp.sum(by_column, axis=1)
  weighted = jnp.sum(by_column * jnp.arange(clip.shape[2]), axis=1)
  # In integers, which round alike on every device.
  return (2 * weighted + total) // jnp.maximum(2 * total, 1)


def _any_white(clip):
  """bool [T, 1, 1]: False for blank frames."""
  return clip.any(axis=(1, 2), keepdims=True)
