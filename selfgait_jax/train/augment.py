"""Silhouette augmentation inside the compiled step: one draw a clip.

The draws are here, what they do to the pixels is in clip_ops.py and warps.py.
Pixels stay uint8 until the end, a quarter of the memory traffic of float32.
"""

import jax
import jax.numpy as jnp

from selfgait_jax.models import pixels
from selfgait_jax.train import clip_ops, warps

Array = jax.Array

# Ranges of OpenGait's RandomErasing.
ERASE_AREA = (0.05, 0.2)
ERASE_ASPECT = (0.3, 1 / 0.3)


def augment_clips(
  frames: Array, key: Array, settings, crop_width: int, reference
) -> Array:
  """Clips drawn from anew: warped and cut, mirrored, turned, reshaped, erased.

  What a clip gets follows from `key` and its row in the global batch, not from
  the batch size or the devices that hold it. An augmentation whose setting is
  0 leaves no trace in the compiled program. Blank frames stay blank.

  Args:
    frames: uint8 [B, T, H, W], H and W 64.
    key: one for the whole batch.
    settings: `config.augment` of configs/default.py.
    crop_width: central columns kept.
    reference: `config.reference`.

  Returns:
    float32 [B, T, H, crop_width] in [0, 1].

  Raises:
    UserError: the frames are narrower than `crop_width`.
  """

  def one_clip(clip, row):
    clip_key = key if reference.shared_augment else jax.random.fold_in(key, row)
    return _augment_clip(clip, clip_key, settings, crop_width, reference)

  return pixels.to_unit(jax.vmap(one_clip)(frames, jnp.arange(len(frames))))


def _augment_clip(clip, key, settings, crop_width, reference):
  """uint8 [T, H, W] to uint8 [T, H, crop_width].

  The one order holds that of every recipe of OpenGait: affine, perspective,
  cut, flip, rotation, dilation, erasing, blur.
  """
  keys = jax.random.split(key, 9)
  (move_key, flip_key, dilate_key, erode_key), keys = keys[:4], keys[4:]
  erase_key, blur_key, *corner_keys, rotate_key = keys
  clip = _move(clip, move_key, corner_keys, settings, crop_width)
  if settings.flip:
    coins = (len(clip), 1, 1) if reference.flip else ()
    coin = jax.random.bernoulli(flip_key, settings.flip, coins)
    clip = jnp.where(coin, clip[..., ::-1], clip)
  if settings.rotate:
    clip = _rotate(clip, rotate_key, settings, reference.rotation_centre)
  for probability, change_key, change in (
    (settings.dilate, dilate_key, _random_dilate),
    (settings.erode, erode_key, _random_erode),
    (settings.erase, erase_key, _random_erase),
    (settings.blur, blur_key, _random_blur),
  ):
    if probability:
      # One call for all draws of a change: every call adds to the compile time.
      coin, *draws = jax.random.uniform(change_key, (5,))
      changed = change(clip, draws, settings)
      clip = jnp.where(coin < probability, changed, clip)
  return clip


def _move(clip, key, corner_keys, settings, crop_width):
  """Everything before the cut and the cut itself, in one bilinear warp.

  OpenGait interpolates, and loses what leaves the frame, at each warp anew.
  Shift by whole pixels and cut alone are no warp.
  """
  height, width = clip.shape[1:]
  affine_key, perspective_key = corner_keys
  rows = columns = 0
  matrices = []
  if settings.corner_affine:
    matrices.append(_draw_corners(affine_key, settings, height, width))
  if settings.perspective:
    matrices.append(_draw_perspective(perspective_key, settings, height, width))
  if settings.shift or settings.affine:
    largest = [round(settings.shift * size) for size in (height, width)]
    down, right, *draws = jax.random.uniform(key, (6,))
    rows, columns = (
      _integer(draw, -most, most)
      for draw, most in zip((down, right), largest, strict=True)
    )
    if settings.affine:
      matrices.append(_draw_affine(draws, settings, height, width))
  if matrices:
    start = pixels.crop_start(width, crop_width)
    matrices.append(warps.shift(columns - start, rows))
    return warps.warp(clip, warps.product(matrices), crop_width)
  if settings.shift:
    return clip_ops.shift_and_crop(clip, rows, columns, largest, crop_width)
  return pixels.crop(clip, crop_width)


def _draw_corners(key, settings, height, width):
  """OpenGait's RandomAffine: three corners, inwards, before and after."""
  coin, *draws = jax.random.uniform(key, (13,))
  inwards = _integer(jnp.array(draws), 0, settings.corner_shift)
  inwards = inwards.reshape(2, 3, 2) * jnp.array([[1, 1], [-1, 1], [1, -1]])
  source, target = jnp.array([[0, 0], [width, 0], [0, height]]) + inwards
  matrix = warps.triangles(source, target)
  return jnp.where(coin < settings.corner_affine, matrix, jnp.eye(3))


def _draw_perspective(key, settings, height, width):
  """OpenGait's RandomPerspective: a trapezium is stretched to the frame."""
  coin, *draws = jax.random.uniform(key, (5,))
  inwards = [_integer(draw, 0, settings.perspective_shift) for draw in draws]
  top, bottom = (
    (left, width - 1 - right) for left, right in (inwards[:2], inwards[2:])
  )
  matrix = warps.trapezium(top, bottom, height, width)
  return jnp.where(coin < settings.perspective, matrix, jnp.eye(3))


def _draw_affine(draws, settings, height, width):
  coin, *draws = draws
  largest = (settings.rotation, settings.scale, settings.shear)
  angle, growth, shear = (
    (coin < settings.affine) * _between(draw, -most, most)
    for draw, most in zip(draws, largest, strict=True)
  )
  middle = (width - 1) / 2, (height - 1) / 2
  return warps.affine(jnp.deg2rad(angle), 1 + growth, shear, middle)


def _rotate(clip, key, settings, swap_centre):
  height, width = clip.shape[1:]
  centre = width // 2, height // 2
  coin, draw = jax.random.uniform(key, (2,))
  most = settings.rotate_degrees
  angle = (coin < settings.rotate) * jnp.deg2rad(_between(draw, -most, most))
  matrix = warps.rotation(angle, centre[::-1] if swap_centre else centre)
  return warps.warp(clip, matrix, width)


def _random_dilate(clip, draws, settings):
  return clip_ops.dilate_band(clip, *_draw_window(draws, settings))


def _random_erode(clip, draws, settings):
  return clip_ops.erode_band(clip, *_draw_window(draws, settings))


def _random_blur(clip, draws, settings):
  return clip_ops.blur_band(clip, *_draw_rows(draws[:2], settings.blur_rows))


def _random_erase(clip, draws, _):
  height, width = clip.shape[1:]
  area = _between(draws[0], *ERASE_AREA) * height * width
  aspect = _between(draws[1], *ERASE_ASPECT)
  # The longest side these ranges allow fits 64 x 44; narrower crops cut it.
  tall = jnp.minimum(jnp.round(jnp.sqrt(area * aspect)).astype(int), height)
  wide = jnp.minimum(jnp.round(jnp.sqrt(area / aspect)).astype(int), width)
  top = _integer(draws[2], 0, height - tall)
  left = _integer(draws[3], 0, width - wide)
  return clip_ops.erase_rectangle(clip, top, left, tall, wide)


def _draw_window(draws, settings):
  """A band of rows and one of OpenGait's dilation windows."""
  rows = _draw_rows(draws[:2], settings.dilate_rows)
  return *rows, _integer(draws[2], 0, len(clip_ops.WINDOWS) - 1)


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
