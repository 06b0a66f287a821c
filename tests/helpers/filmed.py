"""Videos of rendered walkers before a background that is not quiet."""

import pathlib

import cv2
import numpy as np

from selfgait_jax.data.walkers import film

LIGHTS = {
  'steady': lambda share: 1.0,
  'drift': lambda share: 1.0 - 0.3 * share,
  'jump': lambda share: 1.0 if share < 0.55 else 0.75,
}


def passing(one, other, seed=0):
  """Two who walk towards each other: masks [2, T, H, W], and of both."""
  to_left = film.masks(one, 'nm-01', seed)
  to_right = film.masks(other, 'nm-01', seed)[..., ::-1]
  return np.stack([to_left, to_right])


def scene(masks, noise=1.5, sway=0.0, light='steady', seed=0):
  """Yields frames uint8 [H, W, 3].

  Args:
    masks: bool [T, H, W] of all people.
    noise: standard deviation of each pixel and colour, grey levels.
    sway: pixels by which a bush moves to and fro.
    light: one of `LIGHTS`.
    seed: of the room, the clothes and the noise.
  """
  rng = np.random.default_rng(seed)
  height, width = masks.shape[1:]
  room = _texture(rng, (height, width), 110, 210, 40)
  bush = _texture(rng, (height, width), 60, 170, 8)
  clothes = _texture(rng, (height, width), 20, 90, 30)
  for number, mask in enumerate(masks):
    frame = room.copy()
    # The bush stands in the left third, above the floor.
    area = slice(height // 8, height // 2), slice(width // 20, width // 3)
    moved = np.float32([[1, 0, sway * np.sin(number / 4)], [0, 1, 0]])
    frame[area] = cv2.warpAffine(
      bush, moved, (width, height), borderMode=cv2.BORDER_REFLECT
    )[area]
    frame[mask] = np.roll(clothes, -film.STRIDE * number, 1)[mask]
    frame *= LIGHTS[light](number / len(masks))
    frame += rng.normal(0, noise, frame.shape) if noise else 0
    yield np.clip(frame, 0, 255).astype(np.uint8)


def write(path, frames, rate=25, codec='mp4v', api=cv2.CAP_FFMPEG):
  """Writes a video; returns its path."""
  writer = None
  for frame in frames:
    if writer is None:
      size = frame.shape[1::-1]
      fourcc = cv2.VideoWriter_fourcc(*codec)
      writer = cv2.VideoWriter(str(path), api, fourcc, rate, size)
      assert writer.isOpened()
    writer.write(frame)
  writer.release()
  return pathlib.Path(path)


def _texture(rng, size, low, high, grain):
  """Smooth random colours, float [H, W, 3]."""
  height, width = size
  small = rng.uniform(low, high, (height // grain + 2, width // grain + 2, 3))
  return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
