"""What augmentation does to a clip uint8 [T, H, W], its parameters given.

Warps are in warps.py.
"""

import jax
import jax.numpy as jnp

from selfgait_jax.models import pixels

Array = jax.Array

BLUR_THRESHOLD = 0.2  # of white, as in OpenGait's RandomPartBlur

# The windows of OpenGait's RandomPartDilate: how far each reaches left and
# right in its own row, one row away and two rows away, -1 not at all.
WINDOWS = (
  (
    (2, 2, -1),
    (2, 2, 2),
    (1, 1, 1),
  )  # rectangles 5 x 3, 5 x 5, 3 x 5 (wide x tall)
  + ((1, 0, -1), (1, 0, 0), (2, 0, -1))  # crosses 3 x 3, 3 x 5, 5 x 3
  + ((1, 0, -1), (1, 1, 0), (2, 0, -1))  # ellipses of the same sizes
)


def shift_and_crop(
  clip: Array, rows: Array, columns: Array, largest, crop_width: int
) -> Array:
  """Moves [T, H, W] down and right by whole pixels, then keeps the centre.

  Args:
    clip: uint8 [T, H, W].
    rows: int, at most `largest[0]` in size.
    columns: int, at most `largest[1]` in size.
    largest: two Python ints, which size the border of zeros.
    crop_width: columns kept.
  """
  frames, height, width = clip.shape
  padded = jnp.pad(clip, [(0, 0)] + [(most, most) for most in largest])
  start = largest[1] + pixels.crop_start(width, crop_width)
  return jax.lax.dynamic_slice(
    padded,
    (0, largest[0] - rows, start - columns),
    (frames, height, crop_width),
  )


def dilate_band(clip: Array, top: Array, bottom: Array, window: Array) -> Array:
  """Largest value of a window, within rows top <= row < bottom.

  Pixels outside the band are neither changed nor seen, as in OpenGait.

  Args:
    clip: uint8 [T, H, W].
    top: first row.
    bottom: row after the last.
    window: index into `WINDOWS`.
  """
  inside = _rows_between(clip, top, bottom)
  band = jnp.where(inside, clip, 0)
  wide = _maximum_of_three(band, 2)
  by_reach = band, wide, _maximum_of_three(wide, 2)
  reaches = jnp.array(WINDOWS)[window]
  own, near, far = (
    jnp.select([reach == r for r in range(3)], by_reach, 0) for reach in reaches
  )
  near = jnp.maximum(near, _maximum_of_three(far, 1))
  grown = jnp.maximum(own, _maximum_of_three(near, 1))
  return jnp.where(inside, grown, clip)


def erode_band(clip: Array, top: Array, bottom: Array, window: Array) -> Array:
  """Smallest value of the window: `dilate_band` of the background."""
  return ~dilate_band(~clip, top, bottom, window)


def erase_rectangle(
  clip: Array, top: Array, left: Array, height: Array, width: Array
) -> Array:
  """Zeros in one rectangle of every frame of [T, H, W]."""
  column = jnp.arange(clip.shape[2])
  rows = _rows_between(clip, top, top + height)
  columns = (left <= column) & (column < left + width)
  return jnp.where(rows & columns, 0, clip)


def blur_band(clip: Array, top: Array, bottom: Array) -> Array:
  """Rows top <= row < bottom after a 3 x 3 Gaussian, white where above 0.2.

  The border of the band is mirrored without repeating the edge, as in OpenGait.

  Args:
    clip: uint8 [T, H, W].
    top: first row.
    bottom: row after the last.
  """
  row = jnp.arange(clip.shape[1])[:, None]
  x = clip.astype(jnp.float32)
  above, below = _neighbours(x, 1)
  first, last = row == top, row == bottom - 1
  mirrored = jnp.where(first, below, above), jnp.where(last, above, below)
  x = (sum(mirrored) + 2 * x) / 4
  x = (sum(_neighbours(x, 2)) + 2 * x) / 4
  white = jnp.where(x > BLUR_THRESHOLD * 255, 255, 0).astype(clip.dtype)
  return jnp.where(_rows_between(clip, top, bottom), white, clip)


def _maximum_of_three(x, axis):
  window = [1] * x.ndim
  window[axis] = 3
  return jax.lax.reduce_window(
    x, jnp.zeros((), x.dtype), jax.lax.max, window, [1] * x.ndim, 'SAME'
  )


def _neighbours(x, axis):
  """`x` one step back and one on along `axis`, mirrored at the border."""
  padded = jnp.pad(x, [(int(a == axis),) * 2 for a in range(x.ndim)], 'reflect')
  size = x.shape[axis]
  return [
    jax.lax.slice_in_dim(padded, start, start + size, axis=axis)
    for start in (0, 2)
  ]


def _rows_between(clip, top, bottom):
  """bool [H, 1], which rows of [T, H, W] lie in top <= row < bottom."""
  row = jnp.arange(clip.shape[1])[:, None]
  return (top <= row) & (row < bottom)
