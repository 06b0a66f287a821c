"""Converts uint8 silhouettes to the input of a network."""

import jax
import numpy as np

from selfgait_jax import errors


def crop_frames(frames: jax.Array, crop_width: int = 44) -> jax.Array:
  """The central columns of uint8 [..., H, W] as float32 in [0, 1]."""
  return to_unit(crop(frames, crop_width))


def to_unit(frames: jax.Array) -> jax.Array:
  """uint8 0..255 to float32 in [0, 1]."""
  # A division may round differently inside and outside a compiled function.
  return frames * np.float32(1 / 255)


def crop(frames: jax.Array, crop_width: int) -> jax.Array:
  """The central `crop_width` columns of [..., H, W].

  Raises:
    UserError: the frames are narrower than `crop_width`.
  """
  start = crop_start(frames.shape[-1], crop_width)
  return frames[..., start : start + crop_width]


def crop_start(width: int, crop_width: int) -> int:
  """The first of the central `crop_width` columns of frames `width` wide.

  Raises:
    UserError: the frames are narrower than `crop_width`.
  """
  if width < crop_width:
    raise errors.UserError(
      f'expected frames at least {crop_width} columns wide, found {width}; '
      'change model.crop_width'
    )
  return (width - crop_width) // 2
