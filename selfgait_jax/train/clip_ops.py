"""Augmentations of one clip, uint8 [T, H, W], for given parameters.

augment.py draws the parameters; warps are in warps.py, clothes in clothing.py.
"""

import jax
import jax.numpy as jnp

Array = jax.Array

BLUR_THRESHOLD = 0.2  # of white, as in OpenGait's RandomPartBlur

# The windows of OpenGait's RandomPartDilate, by their half widths in their own
# row, one row away and two rows away; -1 means that the row is not covered.
_RECTANGLES = ((2, 2, -1), (2, 2, 2), (1, 1, 1))  # 5 x 3, 5 x 5, 3 x 5 pixels
_CROSSES = ((1, 0, -1), (1, 0, 0), (2, 0, -1))  # 3 x 3, 3 x 5, 5 x 3
_ELLIPSES = ((1, 0, -1), (1, 1, 0), (2, 0, -1))  # 3 x 3, 3 x 5, 5 x 3
WINDOWS = _RECTANGLES + _CROSSES + _ELLIPSES


def dilate_band(clip: Array, top: Array, bottom: Array, window: Array) -> Array:
  """Dilates the rows top <= row < bottom: the largest value in a window.

  Pixels outside the band keep their values and do not spread into it, as in
  OpenGait.

  Args:
    clip: uint8 [T, H, W].
    top: first row of the band.
    bottom: row after its last.
    window: index into `WINDOWS`.

  Returns:
    uint8 [T, H, W].
  """
  inside = rows_between(clip, top, bottom)
  band = jnp.where(inside, clip, 0)
  wide = maximum_of_three(band, 2)
  by_reach = band, wide, maximum_of_three(wide, 2)
  reaches = jnp.array(WINDOWS)[window]
  own, near, far = (
    jnp.select([reach == r for r in range(3)], by_reach, 0) for reach in reaches
  )
  near = jnp.maximum(near, maximum_of_three(far, 1))
  grown = jnp.maximum(own, maximum_of_three(near, 1))
  return jnp.where(inside, grown, clip)


def erase_rectangle(
  clip: Array, top: Array, left: Array, height: Array, width: Array
) -> Array:
  """Sets one rectangle to 0, the same in every frame of uint8 [T, H, W]."""
  column = jnp.arange(clip.shape[2])
  rows = rows_between(clip, top, top + height)
  columns = (left <= column) & (column < left + width)
  return jnp.where(rows & columns, 0, clip)


def blur_band(clip: Array, top: Array, bottom: Array) -> Array:
  """Blurs the rows top <= row < bottom by a 3 x 3 Gaussian, then thresholds.

  The band is mirrored at its borders without repeating the edge, as in
  OpenGait.

  Args:
    clip: uint8 [T, H, W].
    top: first row of the band.
    bottom: row after its last.

  Returns:
    uint8 [T, H, W]; in the band 255 where the blurred value exceeds
    `BLUR_THRESHOLD` of white, 0 elsewhere.
  """
  row = jnp.arange(clip.shape[1])[:, None]
  x = clip.astype(jnp.float32)
  above, below = _neighbours(x, 1)
  first, last = row == top, row == bottom - 1
  mirrored = jnp.where(first, below, above), jnp.where(last, above, below)
  x = (sum(mirrored) + 2 * x) / 4
  x = (sum(_neighbours(x, 2)) + 2 * x) / 4
  white = jnp.where(x > BLUR_THRESHOLD * 255, 255, 0).astype(clip.dtype)
  return jnp.where(rows_between(clip, top, bottom), white, clip)


def maximum_of_three(x: Array, axis: int) -> Array:
  """The maximum of each value and its two neighbours along `axis`."""
  window = [1] * x.ndim
  window[axis] = 3
  return jax.lax.reduce_window(
    x, jnp.zeros((), x.dtype), jax.lax.max, window, [1] * x.ndim, 'SAME'
  )


def rows_between(clip: Array, top: Array, bottom: Array) -> Array:
  """bool [H, 1]: True in the rows top <= row < bottom of [T, H, W]."""
  row = jnp.arange(clip.shape[1])[:, None]
  return (top <= row) & (row < bottom)


def _neighbours(x, axis):
  """The previous and the next value along `axis`, mirrored at the borders."""
  padded = jnp.pad(x, [(int(a == axis),) * 2 for a in range(x.ndim)], 'reflect')
  size = x.shape[axis]
  return [
    jax.lax.slice_in_dim(padded, start, start + size, axis=axis)
    for start in (0, 2)
  ]
