"""What augmentation does to a clip uint8 [T, H, W], its parameters given."""

import jax
import jax.numpy as jnp

from selfgait_jax import errors

Array = jax.Array

BLUR_THRESHOLD = 0.2  # of white, as in OpenGait's RandomPartBlur


def crop(frames: Array, crop_width: int) -> Array:
  """The central columns of [..., H, W].

  Raises:
    UserError: the frames are narrower than that.
  """
  start = _crop_start(frames.shape[-1], crop_width)
  return frames[..., start : start + crop_width]


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
  start = largest[1] + _crop_start(width, crop_width)
  return jax.lax.dynamic_slice(
    padded,
    (0, largest[0] - rows, start - columns),
    (frames, height, crop_width),
  )


def affine_matrix(angle: Array, scale: Array, shear: Array):
  """((a, b), (c, d)) on (x, y): x slides by `shear` * y, then rotation."""
  cos, sin = scale * jnp.cos(angle), scale * jnp.sin(angle)
  return (cos, cos * shear - sin), (sin, sin * shear + cos)


def warp_and_crop(
  clip: Array, matrix, rows: Array, columns: Array, crop_width: int
) -> Array:
  """Bilinear warp about the centre, zeros outside, then the central columns.

  Args:
    clip: uint8 [T, H, W].
    matrix: of `affine_matrix`, from (x, y) of the clip to (x, y) of the
      result, both counted from the centre.
    rows: shift down after that.
    columns: shift right after that.
    crop_width: columns kept.
  """
  frames, height, width = clip.shape
  middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
  x = jnp.arange(crop_width) + _crop_start(width, crop_width)
  y = jnp.arange(height)[:, None]
  (a, b), (c, d) = matrix
  area = a * d - b * c
  x, y = x - columns - middle_x, y - rows - middle_y
  # One pixel of zeros around the clip stands for all that lies outside it.
  source_x = jnp.clip((d * x - b * y) / area + middle_x, -1, width) + 1
  source_y = jnp.clip((a * y - c * x) / area + middle_y, -1, height) + 1
  left, top = jnp.floor(source_x), jnp.floor(source_y)
  right_share, bottom_share = source_x - left, source_y - top
  # Time last: one index then fetches a run of pixels, which is faster.
  padded = jnp.pad(clip, [(0, 0), (1, 2), (1, 2)]).transpose(1, 2, 0)
  pixels = padded.reshape(-1, frames)
  corner = (top * (width + 3) + left).astype(jnp.int32)  # [H, crop_width]

  def weighted(offset, share):
    return pixels[corner + offset].astype(jnp.float32) * share[..., None]

  below = width + 3
  result = (
    weighted(0, (1 - right_share) * (1 - bottom_share))
    + weighted(1, right_share * (1 - bottom_share))
    + weighted(below, (1 - right_share) * bottom_share)
    + weighted(below + 1, right_share * bottom_share)
  )
  return jnp.round(result).astype(jnp.uint8).transpose(2, 0, 1)


def dilate_band(
  clip: Array, top: Array, bottom: Array, tall: Array, wide: Array
) -> Array:
  """Largest value of a 3 or 5 pixel window, within rows top <= row < bottom.

  Pixels outside the band are neither changed nor seen, as in OpenGait.

  Args:
    clip: uint8 [T, H, W].
    top: first row.
    bottom: row after the last.
    tall: bool, the window has 5 rows, else 3.
    wide: bool, the window has 5 columns, else 3.
  """
  inside = _rows_between(clip, top, bottom)
  band = jnp.where(inside, clip, 0)
  for axis, large in ((1, tall), (2, wide)):
    band = _maximum_of_three(band, axis)
    band = jnp.where(large, _maximum_of_three(band, axis), band)
  return jnp.where(inside, band, clip)


def erode_band(
  clip: Array, top: Array, bottom: Array, tall: Array, wide: Array
) -> Array:
  """Smallest value of the window: `dilate_band` of the background."""
  return ~dilate_band(~clip, top, bottom, tall, wide)


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


def _crop_start(width, crop_width):
  if width < crop_width:
    raise errors.UserError(
      f'expected frames at least {crop_width} columns wide, found {width}; '
      'change model.crop_width'
    )
  return (width - crop_width) // 2
