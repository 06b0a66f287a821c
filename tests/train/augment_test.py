"""Augmentation: what each does to pixels, who gets it, and who does not."""

import functools

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from selfgait_jax import errors
from selfgait_jax.configs import default
from selfgait_jax.models import pixels
from selfgait_jax.train import augment, clip_ops, warps

CLOTHES = 'coat', 'bag'
OTHERS = (
  *('corner_affine', 'perspective', 'flip'),
  *('rotate', 'dilate', 'erase', 'blur'),
)
EVERYTHING = dict.fromkeys(CLOTHES + OTHERS, 0.5)

_warp = jax.jit(warps.warp, static_argnums=2)


def _settings(**changes):
  settings = default.get_config().augment
  settings.update(dict.fromkeys(EVERYTHING, 0.0) | changes)
  return settings


@functools.cache
def _compiled(reference='', crop_width=44, **changes):
  settings, switches = _settings(**changes), default.get_config().reference
  switches.update({reference: True} if reference else {})
  return jax.jit(
    lambda frames, key: augment.augment_clips(
      frames, key, settings, crop_width, switches
    )
  )


def _augment(frames, seed=0, **changes):
  """`reference`, a switch, and `crop_width` besides settings in `changes`."""
  return np.asarray(_compiled(**changes)(frames, jax.random.key(seed)))


def _random(*shape):
  """Smooth grey blobs and holes, uint8."""
  noise = np.random.default_rng(0).random((*shape[:-2], shape[-2], shape[-1]))
  flat = noise.reshape(-1, *shape[-2:]).astype(np.float32)
  smooth = np.stack([cv2.GaussianBlur(f, (0, 0), 1.5) for f in flat])
  smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
  return np.clip((smooth - 0.45) * 2000, 0, 255).astype(np.uint8).reshape(shape)


def _grey(*shape):
  """Smooth grey hills, at most about 40 levels from pixel to pixel, uint8."""
  noise = np.random.default_rng(1).random(shape).astype(np.float32)
  flat = [
    cv2.GaussianBlur(f, (0, 0), 2) for f in noise.reshape(-1, *shape[-2:])
  ]
  low, high = np.min(flat), np.max(flat)
  return (255 * (np.stack(flat) - low) / (high - low)).astype(np.uint8)


def _assert_warped(clip, to_source, expected):
  """Within 2 levels; expected(frame) is OpenCV's, of the whole frame."""
  for start, width in ((0, 64), (10, 44)):
    cut = warps.product([to_source, warps.shift(-start, 0)])
    found = np.asarray(_warp(clip, cut, width), int)
    for result, frame in zip(found, clip, strict=True):
      image = expected(frame)[:, start : start + width].astype(int)
      # OpenCV 4 rounds positions to 1/32 pixel, OpenCV 5 does not.
      assert np.abs(result - image).max() <= 2
      assert image.any()


def test_crop_keeps_the_central_columns():
  frames = _random(2, 3, 64, 64)
  cropped = pixels.crop_frames(frames, 44)
  assert cropped.dtype == jnp.float32
  np.testing.assert_allclose(cropped, frames[..., 10:54] / 255.0, rtol=1e-6)
  np.testing.assert_array_equal(_augment(frames), cropped)
  assert cropped.max() == 1
  assert pixels.crop_frames(frames[..., :44], 44).shape == (2, 3, 64, 44)
  with pytest.raises(errors.UserError, match='44 columns wide, found 40'):
    pixels.crop_frames(frames[..., :40], 44)


@pytest.mark.parametrize('right, down', [(0, 0), (-6, 3), (6, -6)])
def test_shift_moves_whole_pixels(right, down):
  clip = _random(2, 64, 64)
  expected = np.zeros_like(clip)
  for y in range(64):
    for x in range(64):
      if 0 <= y - down < 64 and 0 <= x - right < 64:
        expected[:, y, x] = clip[:, y - down, x - right]
  moved = _warp(clip, warps.shift(right, down), 64)
  np.testing.assert_array_equal(moved, expected)


@pytest.mark.parametrize('degrees', [10, -4.3, 0])
@pytest.mark.parametrize('centre', [(22, 32), (32, 22)])
def test_rotation_matches_opencv(degrees, centre):
  clip = _grey(2, 64, 44)
  forward = cv2.getRotationMatrix2D(centre, degrees, 1)
  found = _warp(clip, warps.rotation(np.deg2rad(degrees), centre), 44)
  for result, frame in zip(np.asarray(found, int), clip, strict=True):
    expected = cv2.warpAffine(frame, forward, (44, 64))
    assert np.abs(result - expected).max() <= 2
    if not degrees:
      np.testing.assert_array_equal(result, frame)


@pytest.mark.parametrize('seed', range(4))
def test_corner_affine_matches_opencv(seed):
  inwards = np.random.default_rng(seed).integers(0, 10, (2, 3, 2))
  corners = np.array([[0, 0], [64, 0], [0, 64]])
  source, target = (corners + inwards * [[1, 1], [-1, 1], [1, -1]]).astype(
    np.float32
  )
  forward = cv2.getAffineTransform(source, target)
  _assert_warped(
    _grey(2, 64, 64),
    warps.triangles(jnp.array(source), jnp.array(target)),
    lambda frame: cv2.warpAffine(frame, forward, (64, 64)),
  )


@pytest.mark.parametrize(
  'left, right, low_left, low_right',
  [(0, 63, 9, 54), (9, 54, 0, 63), (3, 60, 9, 57), (0, 54, 9, 63)],
)
def test_perspective_matches_opencv(left, right, low_left, low_right):
  source = [[left, 0], [right, 0], [low_right, 64], [low_left, 64]]
  frame_corners = [[0, 0], [64, 0], [64, 64], [0, 64]]
  forward = cv2.getPerspectiveTransform(
    np.float32(source), np.float32(frame_corners)
  )
  _assert_warped(
    _grey(2, 64, 64),
    warps.trapezium((left, right), (low_left, low_right), 64, 64),
    lambda frame: cv2.warpPerspective(frame, forward, (64, 64)),
  )


def test_one_warp_stands_for_several_in_their_order():
  clip = np.pad(_grey(2, 48, 48), [(0, 0), (8, 8), (8, 8)])
  first, then = warps.shift(5, -3), warps.trapezium((7, 60), (2, 58), 64, 64)
  twice = _warp(_warp(clip, first, 64), then, 64)
  np.testing.assert_array_equal(
    _warp(clip, warps.product([first, then]), 64), twice
  )
  other = _warp(clip, warps.product([then, first]), 64)
  assert (np.asarray(other) != twice).any()


SHAPES = {
  'RECT': [(5, 3), (5, 5), (3, 5)],
  'CROSS': [(3, 3), (3, 5), (5, 3)],
  'ELLIPSE': [(3, 3), (3, 5), (5, 3)],
}


def test_dilation_matches_opencv():
  clip = _random(2, 64, 44)
  kinds = [(kind, size) for kind, sizes in SHAPES.items() for size in sizes]
  assert len(kinds) == len(clip_ops.WINDOWS)
  dilate = jax.jit(clip_ops.dilate_band)
  for window, (kind, size) in enumerate(kinds):
    expected = clip.copy()
    kernel = cv2.getStructuringElement(getattr(cv2, f'MORPH_{kind}'), size)
    for frame in expected:
      frame[13:38] = cv2.dilate(frame[13:38].copy(), kernel)
    found = dilate(clip, 13, 38, window)
    np.testing.assert_array_equal(found, expected, str((kind, size)))
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


@pytest.mark.parametrize('name', EVERYTHING)
def test_probability_and_ranges(name):
  clips, probability = 500, 0.3
  # Chequered, so that every change is seen on every row; solid, to be erased.
  frame = np.indices((64, 64)).sum(axis=0) // 4 % 2 * 255
  frame = np.full_like(frame, 255) if name == 'erase' else frame
  frame = frame.astype(np.uint8)[None, None]
  result = _augment(frame.repeat(clips, axis=0), **{name: probability})
  change = result - np.asarray(pixels.crop_frames(frame))
  changed = change.any(axis=(1, 2, 3))
  deviation = (probability * (1 - probability) / clips) ** 0.5
  assert abs(changed.mean() - probability) < 4 * deviation

  rows = np.flatnonzero(change.any(axis=(0, 1, 3)))
  if name == 'dilate':
    assert (change >= 0).all()
    assert (rows.min(), rows.max()) == (12, 39)
  if name == 'coat':
    assert (rows.min(), rows.max()) == (9, 49)
  if name == 'bag':
    assert (change >= 0).all()
    assert rows.min() < 14 and rows.max() > 38
  if name == 'blur':
    assert (rows.min(), rows.max()) == (9, 39)
  if name == 'erase':
    blank = change[changed, 0] < 0
    share = blank.mean(axis=(1, 2))
    assert 0.045 < share.min() < 0.06 and 0.19 < share.max() < 0.205
    sides = blank.any(axis=1).sum(axis=1), blank.any(axis=2).sum(axis=1)
    np.testing.assert_array_equal(sides[0] * sides[1], blank.sum(axis=(1, 2)))


def test_dilation_draws_each_window():
  frames = np.zeros((900, 1, 64, 64), np.uint8)
  frames[:, :, 26, 32] = 255
  result = _augment(frames, dilate=1.0)[:, 0]
  shapes, counts = np.unique(result, axis=0, return_counts=True)
  # Of the nine, two small ellipses are crosses.
  sizes = [int(shape.sum()) for shape in shapes]
  assert sorted(sizes) == [5, 7, 7, 11, 15, 15, 25]
  expected = np.where((shapes.sum((1, 2)) < 8) & (shapes[:, 24, 22] == 0), 2, 1)
  assert np.abs(counts / 100 - expected).max() < 0.5


@pytest.mark.parametrize('name', ['dilate', 'blur'])
def test_rows_are_settings(name):
  frame = np.indices((64, 64)).sum(axis=0) // 4 % 2 * 255
  frames = frame.astype(np.uint8)[None, None].repeat(300, axis=0)
  changes = {name: 1.0, f'{name}_rows': ((9, 20), (39, 50))}
  change = _augment(frames, **changes) != pixels.crop_frames(frames)
  rows = np.flatnonzero(change.any(axis=(0, 1, 3)))
  assert (rows.min(), rows.max()) == (9, 49)
  rows = [np.flatnonzero(clip.any(axis=(0, 2))) for clip in change]
  assert {9, 20} <= {r[0] for r in rows} <= set(range(9, 23))


@pytest.mark.slow
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
  plain = np.asarray(pixels.crop_frames(frame))[0, 0]
  result = _augment(
    frame.repeat(10, axis=0).repeat(100, axis=1), reference='flip', flip=0.5
  )
  mirrored = (result == plain[:, ::-1]).all(axis=(2, 3))
  assert (mirrored | (result == plain).all(axis=(2, 3))).all()
  assert (np.abs(mirrored.mean(axis=1) - 0.5) < 0.3).all()


@pytest.mark.slow
def test_blank_frames_stay_blank():
  frames = _random(4, 3, 64, 64)
  frames[:, 1:] = 0
  result = _augment(frames, **dict.fromkeys(EVERYTHING, 1.0))
  assert result[:, 0].any() and not result[:, 1:].any()


@pytest.mark.slow
def test_clothes_leave_the_other_draws_as_they_are():
  frames = _random(8, 2, 64, 64)
  others = dict.fromkeys(OTHERS, 0.5)
  never = dict.fromkeys(CLOTHES, 1e-30)
  plain = _augment(frames, **others)
  np.testing.assert_array_equal(_augment(frames, **others, **never), plain)


def test_a_coat_is_put_on_before_the_crop():
  frames = np.zeros((50, 1, 64, 64), np.uint8)
  frames[..., 8:10] = 255  # beside the 44 columns that are kept
  assert not _augment(frames).any()
  assert _augment(frames, coat=1.0)[..., :3].any(axis=(1, 2, 3)).all()


@pytest.mark.slow
def test_shared_augment_draws_once_for_a_batch():
  frames = _random(1, 1, 64, 64).repeat(8, axis=0)
  changes = {'rotate': 1.0, 'perspective': 0.5, 'flip': 0.5}
  shared = [
    _augment(frames, seed, reference='shared_augment', **changes)
    for seed in range(3)
  ]
  for result in shared:
    np.testing.assert_array_equal(result, result[:1].repeat(8, axis=0))
  assert (shared[0] != shared[1]).any() and (shared[1] != shared[2]).any()
  assert len(np.unique(_augment(frames, **changes), axis=0)) == 8


@pytest.mark.slow
@pytest.mark.parametrize(
  'reference, x, y', [('', 22, 32), ('rotation_centre', 32, 22)]
)
def test_rotation_turns_what_was_cut_about_its_centre(reference, x, y):
  # Slopes along both axes: a pixel tells where it came from.
  frames = np.zeros((200, 2, 64, 64), np.uint8)
  frames[:, 0], frames[:, 1] = 3 * np.arange(64), 3 * np.arange(64)[:, None]
  result = 255 / 3 * _augment(frames, rotate=1.0, reference=reference)
  source_x, source_y = result[:, 0] - 10, result[:, 1]
  np.testing.assert_allclose(source_x[:, y, x], x, atol=1e-4)
  np.testing.assert_allclose(source_y[:, y, x], y, atol=1e-4)
  angles = np.rad2deg(np.arcsin((source_x[:, y - 15, x] - x) / 15))
  assert 9 < angles.max() < 11.5 and -11.5 < angles.min() < -9
  assert abs(angles.mean()) < 2

  # What the cut has taken away does not come back.
  frames[..., 10:54] = 0
  assert not _augment(frames[:8], rotate=1.0).any()
  assert _augment(frames[:8], perspective=1.0).any()


def _drawn(monkeypatch, maker, draw, count=2000):
  """What `draw(key, settings, 64, 64)` asks of `warps.maker`, `count` times."""
  seen = []

  def spy(*args):
    seen[:] = [args]
    return jnp.eye(3)

  monkeypatch.setattr(warps, maker, spy)

  @jax.vmap
  def once(key):
    draw(key, _settings(), 64, 64)
    return seen[0]

  return jax.tree.map(
    np.asarray, once(jax.random.split(jax.random.key(0), count))
  )


def test_perspective_draws_its_corners(monkeypatch):
  top, bottom, _, _ = _drawn(
    monkeypatch, 'trapezium', augment._draw_perspective
  )
  for left, right in (top, bottom):
    assert set(left) == set(range(10)) and set(right) == set(range(54, 64))
  drawn = np.array([*top, *bottom], float)
  assert np.abs(np.corrcoef(drawn) - np.eye(4)).max() < 0.1


def test_corner_affine_draws_its_corners(monkeypatch):
  source, target = _drawn(monkeypatch, 'triangles', augment._draw_corners)
  near, far = set(range(10)), set(range(55, 65))
  for corners in (source, target):
    for corner, (x, y) in enumerate([(near, near), (far, near), (near, far)]):
      assert set(corners[:, corner, 0]) == x
      assert set(corners[:, corner, 1]) == y
  drawn = np.concatenate([source, target], 1).reshape(-1, 12).T.astype(float)
  assert np.abs(np.corrcoef(drawn) - np.eye(12)).max() < 0.1


@pytest.mark.slow
def test_a_clip_does_not_depend_on_batch_or_devices():
  frames = _random(8, 2, 64, 64)
  changes = {'flip': 0.5, 'dilate': 0.5, 'erase': 0.5, 'coat': 0.5, 'bag': 0.5}
  result = _augment(frames, **changes)
  np.testing.assert_array_equal(_augment(frames[:3], **changes), result[:3])

  mesh = jax.make_mesh((4,), ('data',), axis_types=(AxisType.Auto,))
  by_clip = NamedSharding(mesh, PartitionSpec('data'))
  everywhere = NamedSharding(mesh, PartitionSpec())
  sharded = _compiled(**changes)(
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
    reference = default.get_config().reference
    traced = jax.make_jaxpr(
      lambda frames: augment.augment_clips(frames, key, settings, 44, reference)
    )(frames)
    return str(traced)

  draw, window, warp = 'random_bits', 'reduce_window', 'round'
  for changes, present in [
    ({}, set()),
    ({'flip': 0.5}, {draw}),
    ({'dilate': 0.5}, {draw, window}),
    ({'coat': 0.5}, {draw, window}),
    ({'bag': 0.5}, {draw}),
    ({'corner_affine': 0.5}, {draw, warp}),
    ({'perspective': 0.5}, {draw, warp}),
    ({'rotate': 0.5}, {draw, warp}),
  ]:
    text = program(**changes)
    assert {word for word in (draw, window, warp) if word in text} == present
