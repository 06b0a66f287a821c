"""Videos of rendered walkers before a background that is not quiet."""

import pathlib

import cv2
import numpy as np

from selfgait_jax.data.walkers import film

LIGHTS = {
  'steady': lambda share: 1.0,
  'drift': lambda share: 1.0 - 0.3 * share,
  'late dusk': lambda share: 1.0 - max(0, share - 0.4),
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
  # The bush stands in the left third, above the floor.
  area = slice(height // 8, height // 2), slice(width // 20, width // 3)
  bush = bush[area]
  for number, mask in enumerate(masks):
    frame = room.copy()
    moved = np.float32([[1, 0, sway * np.sin(number / 4)], [0, 1, 0]])
    frame[area] = cv2.warpAffine(
      bush, moved, bush.shape[1::-1], borderMode=cv2.BORDER_REFLECT
    )
    rows, columns = np.nonzero(mask)
    worn = clothes[rows, (columns + film.STRIDE * number) % width]
    frame[rows, columns] = worn
    frame *= LIGHTS[light](number / len(masks))
    frame += noise * rng.standard_normal(frame.shape, np.float32)
    yield np.clip(frame, 0, 255).astype(np.uint8)


def write(path, frames, rate=25, codec='mp4v'):
  """Writes a video; returns its path. Odd sizes need the codec MJPG."""
  writer = None
  for frame in frames:
    if writer is None:
      size = frame.shape[1::-1]
      odd = size[0] % 2 or size[1] % 2  # FFmpeg's writer cuts to even sizes
      api = cv2.CAP_OPENCV_MJPEG if odd else cv2.CAP_FFMPEG
      fourcc = cv2.VideoWriter_fourcc(*codec)
      writer = cv2.VideoWriter(str(path), api, fourcc, rate, size)
      assert writer.isOpened()
    writer.write(frame)
  writer.release()
  return pathlib.Path(path)


def _texture(rng, size, low, high, grain):
  """Smooth random colours, float32 [H, W, 3]."""
  height, width = size
  small = rng.uniform(low, high, (height // grain + 2, width // grain + 2, 3))
  small = small.astype(np.float32)
  return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
