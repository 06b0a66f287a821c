"""Augmentation: what each does to pixels, who gets it, and who does not."""

import functools

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from configs import default
from selfgait_jax import augment, clip_ops, errors

EVERYTHING = dict(
  flip=0.5, shift=0.1, affine=0.5, dilate=0.5, erode=0.5, erase=0.5, blur=0.5
)


_shift = jax.jit(clip_ops.shift_and_crop, static_argnums=(3, 4))
_warp = jax.jit(clip_ops.warp_and_crop, static_argnums=4)
_bands = {
  'dilate': jax.jit(clip_ops.dilate_band),
  'erode': jax.jit(clip_ops.erode_band),
}


def _settings(**changes):
  settings = default.get_config().augment
  settings.update(dict.fromkeys(EVERYTHING, 0.0) | changes)
  return settings


@functools.cache
def _compiled(per_frame_flip, **changes):
  settings = _settings(**changes)
  return jax.jit(
    lambda frames, key: augment.augment_clips(
      frames, key, settings, 44, per_frame_flip
    )
  )


def _augment(frames, seed=0, per_frame_flip=False, **changes):
  run = _compiled(per_frame_flip, **changes)
  return np.asarray(run(frames, jax.random.key(seed)))


def _random(*shape):
  """Smooth grey blobs and holes, uint8."""
  noise = np.random.default_rng(0).random((*shape[:-2], shape[-2], shape[-1]))
  flat = noise.reshape(-1, *shape[-2:]).astype(np.float32)
  smooth = np.stack([cv2.GaussianBlur(f, (0, 0), 1.5) for f in flat])
  smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
  return np.clip((smooth - 0.45) * 2000, 0, 255).astype(np.uint8).reshape(shape)


def test_crop_keeps_the_central_columns():
  frames = _random(2, 3, 64, 64)
  cropped = augment.crop_frames(frames, 44)
  assert cropped.dtype == jnp.float32
  np.testing.assert_allclose(cropped, frames[..., 10:54] / 255.0, rtol=1e-6)
  np.testing.assert_array_equal(_augment(frames), cropped)
  assert cropped.max() == 1
  assert augment.crop_frames(frames[..., :44], 44).shape == (2, 3, 64, 44)
  with pytest.raises(errors.UserError, match='44 columns wide, found 40'):
    augment.crop_frames(frames[..., :40], 44)


@pytest.mark.parametrize('rows, columns', [(0, 0), (3, -6), (-6, 6)])
def test_shift_moves_whole_pixels(rows, columns):
  clip = _random(2, 64, 64)
  moved = _shift(clip, rows, columns, (6, 6), 44)
  expected = np.zeros_like(clip)
  for y in range(64):
    for x in range(64):
      if 0 <= y - rows < 64 and 0 <= x - columns < 64:
        expected[:, y, x] = clip[:, y - rows, x - columns]
  np.testing.assert_array_equal(moved, expected[..., 10:54])
  identity = ((1.0, 0.0), (0.0, 1.0))
  np.testing.assert_array_equal(_warp(clip, identity, rows, columns, 44), moved)


@pytest.mark.parametrize(
  'degrees, scale, shear',
  [(10, 1, 0), (0, 1.1, 0), (0, 1, 0.1), (-7, 0.9, -0.1)],
)
def test_warp_matches_opencv(degrees, scale, shear):
  clip = _random(2, 64, 64)
  matrix = clip_ops.affine_matrix(np.deg2rad(degrees), scale, shear)
  warped = _warp(clip, matrix, 2, -3, 44)
  linear = np.array(matrix, np.float64)
  turn = np.deg2rad(degrees)
  rotation = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
  np.testing.assert_allclose(
    linear, scale * np.array(rotation) @ [[1, shear], [0, 1]], atol=1e-6
  )
  offset = np.array([31.5 - 3, 31.5 + 2]) - linear @ [31.5, 31.5]
  forward = np.column_stack([linear, offset])
  for result, frame in zip(warped, clip, strict=True):
    expected = cv2.warpAffine(frame, forward, (64, 64))[:, 10:54]
    # OpenCV rounds positions to 1/32 pixel.
    difference = np.abs(np.asarray(result, int) - expected)
    assert difference.max() <= 20
    assert difference.mean() < 1.5


@pytest.mark.parametrize('tall, wide', [(0, 0), (1, 0), (0, 1), (1, 1)])
@pytest.mark.parametrize('name', ['dilate', 'erode'])
def test_bands_grow_and_shrink_as_in_opencv(name, tall, wide):
  clip = _random(2, 64, 44)
  result = _bands[name](clip, 13, 38, bool(tall), bool(wide))
  expected = clip.copy()
  kernel = np.ones((5 if tall else 3, 5 if wide else 3), np.uint8)
  for frame in expected:
    frame[13:38] = getattr(cv2, name)(frame[13:38].copy(), kernel)
  np.testing.assert_array_equal(result, expected)
  assert (expected != clip).any()


def test_blur_matches_opencv():
  clip = _random(2, 64, 44)
  expected = clip.copy()
  for frame in expected:
    smooth = cv2.GaussianBlur(frame[9:40] / 255.0, (3, 3), 0)
    frame[9:40] = 255 * (smooth > 0.2)
  np.testing.assert_array_equal(
    jax.jit(clip_ops.blur_band)(clip, 9, 40), expected
  )


def test_erase_blanks_one_rectangle():
  clip = np.full((2, 64, 44), 255, np.uint8)
  expected = clip.copy()
  expected[:, 5:25, 30:44] = 0
  erased = clip_ops.erase_rectangle(clip, 5, 30, 20, 14)
  np.testing.assert_array_equal(erased, expected)


@pytest.mark.parametrize(
  'name', ['flip', 'affine', 'dilate', 'erode', 'erase', 'blur']
)
def test_probability_and_ranges(name):
  clips, probability = 500, 0.3
  # Chequered, so that every change is seen on every row; solid, to be erased.
  frame = np.indices((64, 64)).sum(axis=0) // 4 % 2 * 255
  frame = np.full_like(frame, 255) if name == 'erase' else frame
  frame = frame.astype(np.uint8)[None, None]
  result = _augment(frame.repeat(clips, axis=0), **{name: probability})
  change = result - np.asarray(augment.crop_frames(frame))
  changed = change.any(axis=(1, 2, 3))
  deviation = (probability * (1 - probability) / clips) ** 0.5
  assert abs(changed.mean() - probability) < 4 * deviation

  rows = np.flatnonzero(change.any(axis=(0, 1, 3)))
  if name in ('dilate', 'erode'):
    assert (change >= 0).all() if name == 'dilate' else (change <= 0).all()
    assert (rows.min(), rows.max()) == (12, 39)
  if name == 'blur':
    assert (rows.min(), rows.max()) == (9, 39)
  if name == 'erase':
    blank = change[changed, 0] < 0
    share = blank.mean(axis=(1, 2))
    assert 0.045 < share.min() < 0.06 and 0.19 < share.max() < 0.205
    sides = blank.any(axis=1).sum(axis=1), blank.any(axis=2).sum(axis=1)
    np.testing.assert_array_equal(sides[0] * sides[1], blank.sum(axis=(1, 2)))


def test_shift_draws_all_positions():
  frames = np.zeros((400, 1, 64, 64), np.uint8)
  frames[:, :, 30, 32] = 255
  result = _augment(frames, shift=0.03)  # 2 pixels
  positions = {tuple(p) for p in np.argwhere(result)[:, 2:]}
  assert positions == {(y, x) for y in range(28, 33) for x in range(20, 25)}


def test_one_draw_a_clip_and_another_for_the_next():
  frame = _random(1, 1, 64, 64)
  clips = frame.repeat(16, axis=0).repeat(5, axis=1)
  result = _augment(clips, **EVERYTHING)
  np.testing.assert_array_equal(result, result[:, :1].repeat(5, axis=1))
  assert len(np.unique(result[:, 0], axis=0)) > 12
  assert result.min() >= 0 and result.max() <= 1
  assert not np.array_equal(result, _augment(clips, seed=1, **EVERYTHING))


def test_per_frame_flip_has_a_coin_for_every_frame():
  frame = _random(1, 1, 64, 64)
  plain = np.asarray(augment.crop_frames(frame))[0, 0]
  result = _augment(
    frame.repeat(10, axis=0).repeat(100, axis=1), per_frame_flip=True, flip=0.5
  )
  mirrored = (result == plain[:, ::-1]).all(axis=(2, 3))
  assert (mirrored | (result == plain).all(axis=(2, 3))).all()
  assert (np.abs(mirrored.mean(axis=1) - 0.5) < 0.3).all()


def test_a_clip_does_not_depend_on_batch_or_devices():
  frames = _random(8, 2, 64, 64)
  changes = {'shift': 0.1, 'flip': 0.5, 'dilate': 0.5, 'erase': 0.5}
  result = _augment(frames, **changes)
  np.testing.assert_array_equal(_augment(frames[:3], **changes), result[:3])

  mesh = jax.make_mesh((4,), ('data',), axis_types=(AxisType.Auto,))
  by_clip = NamedSharding(mesh, PartitionSpec('data'))
  everywhere = NamedSharding(mesh, PartitionSpec())
  sharded = _compiled(False, **changes)(
    jax.device_put(frames, by_clip),
    jax.device_put(jax.random.key(0), everywhere),
  )
  assert len(sharded.sharding.device_set) == 4
  assert sharded.addressable_shards[0].data.shape[0] == 2
  np.testing.assert_array_equal(sharded, result)


def test_what_is_switched_off_is_not_compiled():
  def program(**changes):
    frames = jax.ShapeDtypeStruct((2, 3, 64, 64), jnp.uint8)
    key = jax.random.key(0)
    settings = _settings(**changes)
    traced = jax.make_jaxpr(
      lambda frames: augment.augment_clips(frames, key, settings)
    )(frames)
    return str(traced)

  draw, window, gather = 'random_bits', 'reduce_window', 'gather'
  for changes, present in [
    ({}, set()),
    ({'flip': 0.5}, {draw}),
    ({'dilate': 0.5}, {draw, window}),
    ({'affine': 0.5}, {draw, gather}),
  ]:
    text = program(**changes)
    assert {word for word in (draw, window, gather) if word in text} == present
