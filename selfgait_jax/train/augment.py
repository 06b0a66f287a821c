"""Random augmentation of silhouette clips, inside the compiled step.

This file draws the random numbers; clip_ops.py, clothing.py and warps.py change
the pixels. Pixels stay uint8 until the end, which needs a quarter of float32's
memory traffic.
"""

import jax
import jax.numpy as jnp

from selfgait_jax.models import pixels
from selfgait_jax.train import clip_ops, clothing, warps

Array = jax.Array

# Ranges of OpenGait's RandomErasing.
ERASE_AREA = (0.05, 0.2)
ERASE_ASPECT = (0.3, 1 / 0.3)

# Ranges in pixels of a frame of 64 x 64, both ends included.
COAT_ROWS = ((9, 14), (34, 50))  # of the shoulders; after the hem
BAG_HEIGHT = (7, 12)
BAG_WIDTH = (5, 9)
BAG_AT_SHOULDER = (16, 20)  # row of its middle
BAG_AT_HIP = (31, 37)
BAG_DISTANCE = (6, 9)  # columns from the silhouette's centroid to its middle


def augment_clips(
  frames: Array, key: Array, settings, crop_width: int, reference
) -> Array:
  """Augments every clip of a batch by its own random draws.

  The draws of a clip depend on `key` and on its row in the global batch, not
  on the batch size or on the devices. An augmentation of probability 0 adds
  nothing to the compiled program. Blank frames stay blank.

  Args:
    frames: uint8 [B, T, H, W], H and W 64.
    key: one key for the whole batch.
    settings: `config.augment` of configs/default.py.
    crop_width: number of central columns to keep.
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


def dress(clips: Array, key: Array) -> Array:
  """Puts a coat on every clip, and a bag on every second one.

  Measures which parts of an embedding change with the clothes. Blank frames
  stay blank.

  Args:
    clips: uint8 [B, T, H, W], H and W 64.
    key: one key for the whole batch; each clip draws its own clothes.

  Returns:
    uint8 [B, T, H, W]; the clips of odd rows carry a bag.
  """

  def one_clip(clip, row):
    draws = jax.random.uniform(jax.random.fold_in(key, row), (2, 4))
    clip = _random_coat(clip, draws[0], None)
    return jnp.where(row % 2, _random_bag(clip, draws[1], None), clip)

  return jax.vmap(one_clip)(clips, jnp.arange(len(clips)))


def _augment_clip(clip, key, settings, crop_width, reference):
  """uint8 [T, H, W] to uint8 [T, H, crop_width].

  Clothes come first, because the camera sees them. Every recipe of OpenGait
  applies its augmentations in this order: corner affine, perspective, crop,
  flip, rotation, dilation, erasing, blur.
  """
  # In an order that keeps the draws of earlier releases valid.
  keys = jax.random.split(key, 9)
  coat_key, flip_key, dilate_key, bag_key, erase_key, blur_key, *keys = keys
  corner_key, perspective_key, rotate_key = keys
  clothes = (
    (settings.coat, coat_key, _random_coat),
    (settings.bag, bag_key, _random_bag),
  )
  clip = _change_at_random(clip, clothes, settings)
  clip = _warp_and_crop(clip, corner_key, perspective_key, settings, crop_width)
  if settings.flip:
    coins = (len(clip), 1, 1) if reference.flip else ()
    coin = jax.random.bernoulli(flip_key, settings.flip, coins)
    clip = jnp.where(coin, clip[..., ::-1], clip)
  if settings.rotate:
    clip = _rotate(clip, rotate_key, settings, reference.rotation_centre)
  flaws = (
    (settings.dilate, dilate_key, _random_dilate),
    (settings.erase, erase_key, _random_erase),
    (settings.blur, blur_key, _random_blur),
  )
  return _change_at_random(clip, flaws, settings)


def _change_at_random(clip, changes, settings):
  """Makes each change (probability, key, function), or not."""
  for probability, key, change in changes:
    if probability:
      # A single call for all draws: each further call adds to the compile time.
      coin, *draws = jax.random.uniform(key, (5,))
      changed = change(clip, draws, settings)
      clip = jnp.where(coin < probability, changed, clip)
  return clip


def _warp_and_crop(clip, corner_key, perspective_key, settings, crop_width):
  """Everything up to the crop, in one bilinear warp.

  OpenGait interpolates after each of its warps, and each loses what leaves the
  frame.
  """
  height, width = clip.shape[1:]
  matrices = []
  if settings.corner_affine:
    matrices.append(_draw_corners(corner_key, settings, height, width))
  if settings.perspective:
    matrices.append(_draw_perspective(perspective_key, settings, height, width))
  if not matrices:
    return pixels.crop(clip, crop_width)
  matrices.append(warps.shift(-pixels.crop_start(width, crop_width), 0))
  return warps.warp(clip, warps.product(matrices), crop_width)


def _draw_corners(key, settings, height, width):
  """OpenGait's RandomAffine: maps three drawn corners to three others.

  All of them lie up to `corner_shift` pixels inside the frame's corners.
  """
  coin, *draws = jax.random.uniform(key, (13,))
  inwards = _integer(jnp.array(draws), 0, settings.corner_shift)
  inwards = inwards.reshape(2, 3, 2) * jnp.array([[1, 1], [-1, 1], [1, -1]])
  source, target = jnp.array([[0, 0], [width, 0], [0, height]]) + inwards
  matrix = warps.triangles(source, target)
  return jnp.where(coin < settings.corner_affine, matrix, jnp.eye(3))


def _draw_perspective(key, settings, height, width):
  """OpenGait's RandomPerspective: stretches a trapezium to the whole frame."""
  coin, *draws = jax.random.uniform(key, (5,))
  inwards = [_integer(draw, 0, settings.perspective_shift) for draw in draws]
  top, bottom = (
    (left, width - 1 - right) for left, right in (inwards[:2], inwards[2:])
  )
  matrix = warps.trapezium(top, bottom, height, width)
  return jnp.where(coin < settings.perspective, matrix, jnp.eye(3))


def _rotate(clip, key, settings, swap_centre):
  height, width = clip.shape[1:]
  centre = width // 2, height // 2
  coin, draw = jax.random.uniform(key, (2,))
  most = settings.rotate_degrees
  angle = (coin < settings.rotate) * jnp.deg2rad(_between(draw, -most, most))
  matrix = warps.rotation(angle, centre[::-1] if swap_centre else centre)
  return warps.warp(clip, matrix, width)


def _random_coat(clip, draws, _):
  rows = _draw_rows(draws[:2], COAT_ROWS)
  flare = _integer(draws[2], 1, clothing.WIDEST)
  return clothing.put_on_coat(clip, *rows, flare, draws[3] < 0.5)


def _random_bag(clip, draws, _):
  height, width = (
    _integer(draws[0], *BAG_HEIGHT),
    _integer(draws[1], *BAG_WIDTH),
  )
  at_hip, draw = _coin_and_draw(draws[2])
  shoulder, hip = (_integer(draw, *r) for r in (BAG_AT_SHOULDER, BAG_AT_HIP))
  on_left, draw = _coin_and_draw(draws[3])
  distance = _integer(draw, *BAG_DISTANCE)
  row = jnp.where(at_hip, hip, shoulder)
  offset = jnp.where(on_left, -distance, distance)
  return clothing.add_bag(clip, row, offset, height, width)


def _random_dilate(clip, draws, settings):
  rows = _draw_rows(draws[:2], settings.dilate_rows)
  window = _integer(draws[2], 0, len(clip_ops.WINDOWS) - 1)
  return clip_ops.dilate_band(clip, *rows, window)


def _random_blur(clip, draws, settings):
  return clip_ops.blur_band(clip, *_draw_rows(draws[:2], settings.blur_rows))


def _random_erase(clip, draws, _):
  height, width = clip.shape[1:]
  area = _between(draws[0], *ERASE_AREA) * height * width
  aspect = _between(draws[1], *ERASE_ASPECT)
  # The largest rectangle of these ranges fits into 64 x 44 pixels; narrower
  # crops clip it.
  tall = jnp.minimum(jnp.round(jnp.sqrt(area * aspect)).astype(int), height)
  wide = jnp.minimum(jnp.round(jnp.sqrt(area / aspect)).astype(int), width)
  top = _integer(draws[2], 0, height - tall)
  left = _integer(draws[3], 0, width - wide)
  return clip_ops.erase_rectangle(clip, top, left, tall, wide)


def _draw_rows(draws, ranges):
  """The first row of a band and the row after its last."""
  return [
    _integer(draw, *ends) for draw, ends in zip(draws, ranges, strict=True)
  ]


def _coin_and_draw(draw):
  """Turns a draw from [0, 1) into a coin and a draw independent of it."""
  return draw < 0.5, 2 * draw % 1


def _integer(draw, low, high):
  """Turns a draw from [0, 1) into one of the integers low..high, inclusive."""
  return jnp.floor(_between(draw, low, high + 1)).astype(int)


def _between(draw, low, high):
  return low + draw * (high - low)
