"""Silhouette augmentation inside the compiled step: one draw a clip.

The draws are here, what they do to the pixels is in clip_ops.py. Pixels stay
uint8 until the end, a quarter of the memory traffic of float32.
"""

import jax
import jax.numpy as jnp
import numpy as np

from selfgait_jax import clip_ops

Array = jax.Array

# Ranges of OpenGait's RandomPartDilate, RandomPartBlur and RandomErasing, the
# rows out of 64; both ends are drawn.
DILATE_ROWS = ((12, 16), (36, 40))
BLUR_ROWS = ((9, 20), (29, 40))
ERASE_AREA = (0.05, 0.2)
ERASE_ASPECT = (0.3, 1 / 0.3)


def crop_frames(frames: Array, crop_width: int = 44) -> Array:
  """The central columns of uint8 [..., H, W] as float32 in [0, 1]."""
  return _to_unit(clip_ops.crop(frames, crop_width))


def augment_clips(
  frames: Array,
  key: Array,
  settings,
  crop_width: int = 44,
  per_frame_flip: bool = False,
) -> Array:
  """Clips drawn from anew: shifted or warped, mirrored, reshaped, erased.

  What a clip gets follows from `key` and its row in the global batch, not from
  the batch size or the devices that hold it. An augmentation whose setting is
  0 leaves no trace in the compiled program.

  Args:
    frames: uint8 [B, T, H, W], H and W 64.
    key: one for the whole batch.
    settings: `config.augment` of configs/default.py.
    crop_width: central columns kept.
    per_frame_flip: a coin for every frame, as in the SelfGait release.

  Returns:
    float32 [B, T, H, crop_width] in [0, 1].

  Raises:
    UserError: the frames are narrower than `crop_width`.
  """

  def one_clip(clip, row):
    clip_key = jax.random.fold_in(key, row)
    return _augment_clip(clip, clip_key, settings, crop_width, per_frame_flip)

  return _to_unit(jax.vmap(one_clip)(frames, jnp.arange(len(frames))))


def _augment_clip(clip, key, settings, crop_width, per_frame_flip):
  """uint8 [T, H, W] to uint8 [T, H, crop_width]."""
  keys = jax.random.split(key, 6)
  move_key, flip_key, dilate_key, erode_key, erase_key, blur_key = keys
  clip = _move(clip, move_key, settings, crop_width)
  if settings.flip:
    coins = (len(clip), 1, 1) if per_frame_flip else ()
    coin = jax.random.bernoulli(flip_key, settings.flip, coins)
    clip = jnp.where(coin, clip[..., ::-1], clip)
  if settings.dilate:
    clip = _sometimes(settings.dilate, dilate_key, _random_dilate, clip)
  if settings.erode:
    clip = _sometimes(settings.erode, erode_key, _random_erode, clip)
  if settings.erase:
    clip = _sometimes(settings.erase, erase_key, _random_erase, clip)
  if settings.blur:
    clip = _sometimes(settings.blur, blur_key, _random_blur, clip)
  return clip


def _sometimes(probability, key, change, clip):
  # One call for all draws of a change: every call adds to the compile time.
  coin, *draws = jax.random.uniform(key, (5,))
  return jnp.where(coin < probability, change(clip, draws), clip)


def _move(clip, key, settings, crop_width):
  """Shift by whole pixels or, where `affine` is set, one bilinear warp."""
  if not (settings.shift or settings.affine):
    return clip_ops.crop(clip, crop_width)
  largest = [round(settings.shift * size) for size in clip.shape[1:]]
  down, right, *draws = jax.random.uniform(key, (6,))
  rows, columns = (
    _integer(draw, -most, most)
    for draw, most in zip((down, right), largest, strict=True)
  )
  if settings.affine:
    matrix = _draw_matrix(draws, settings)
    return clip_ops.warp_and_crop(clip, matrix, rows, columns, crop_width)
  return clip_ops.shift_and_crop(clip, rows, columns, largest, crop_width)


def _draw_matrix(draws, settings):
  """An affine matrix within the settings or, by the coin, the identity."""
  coin, *draws = draws
  largest = (settings.rotation, settings.scale, settings.shear)
  angle, growth, shear = (
    (coin < settings.affine) * _between(draw, -most, most)
    for draw, most in zip(draws, largest, strict=True)
  )
  return clip_ops.affine_matrix(jnp.deg2rad(angle), 1 + growth, shear)


def _random_dilate(clip, draws):
  return clip_ops.dilate_band(clip, *_draw_window(draws))


def _random_erode(clip, draws):
  return clip_ops.erode_band(clip, *_draw_window(draws))


def _random_blur(clip, draws):
  return clip_ops.blur_band(clip, *_draw_rows(draws[:2], BLUR_ROWS))


def _random_erase(clip, draws):
  height, width = clip.shape[1:]
  area = _between(draws[0], *ERASE_AREA) * height * width
  aspect = _between(draws[1], *ERASE_ASPECT)
  # The longest side these ranges allow fits 64 x 44; narrower crops cut it.
  tall = jnp.minimum(jnp.round(jnp.sqrt(area * aspect)).astype(int), height)
  wide = jnp.minimum(jnp.round(jnp.sqrt(area / aspect)).astype(int), width)
  top = _integer(draws[2], 0, height - tall)
  left = _integer(draws[3], 0, width - wide)
  return clip_ops.erase_rectangle(clip, top, left, tall, wide)


def _draw_window(draws):
  *rows, tall, wide = draws
  return (*_draw_rows(rows, DILATE_ROWS), tall < 0.5, wide < 0.5)


def _draw_rows(draws, ranges):
  """First row of a band and the row after its last."""
  return [
    _integer(draw, *ends) for draw, ends in zip(draws, ranges, strict=True)
  ]


def _integer(draw, low, high):
  """A draw from [0, 1) as one of low..high, both included."""
  return jnp.floor(_between(draw, low, high + 1)).astype(int)


def _between(draw, low, high):
  return low + draw * (high - low)


def _to_unit(frames):
  # Division would be rounded otherwise inside a compiled function than outside.
  return frames * np.float32(1 / 255)
