"""Synthetic walkers: silhouette sequences in the layout of CASIA-B.

Articulated 3-D bodies seen by 11 cameras. Everything is a function of the seed,
the subject, the condition, the view and the number of frames.
"""

import zlib

import numpy as np

from selfgait_jax.data.walkers import (
  rasterise,
  walker_bodies,
  walker_clothes,
  walker_traits,
)

VIEWS = tuple(f'{degrees:03d}' for degrees in range(0, 181, 18))
CONDITIONS = tuple(f'nm-{i:02d}' for i in range(1, 7)) + (
  'bg-01',
  'bg-02',
  'cl-01',
  'cl-02',
)
DISTANCE = 2.9  # of the cameras, in statures (about 5 m)
HEIGHT = 1.0  # of the cameras above the ground, in statures
LOST = -9  # scale of a lost part's radius: not drawn, and no extent of the body


def render_sequence(
  subject: str, condition: str, view: str, frames: int, seed: int
) -> np.ndarray:
  """One sequence, uint8 [frames, 64, 64] of 0 and 255, at 25 frames/s."""
  return _render(subject, condition, (view,), frames, seed)[0]


def render_walk(
  subject: str, condition: str, frames: int, seed: int
) -> np.ndarray:
  """All views of one walk, uint8 [11, frames, 64, 64] of 0 and 255.

  The views see the same motion at the same time; the segmentation noise is of
  each view alone. Aligned as CASIA-B is: the body is 64 rows high, and half of
  its mass is passed in column 32.
  """
  return _render(subject, condition, VIEWS, frames, seed)


def _render(subject, condition, views, frames, seed):
  own_rng = _rng(seed, subject)
  walk_rng = _rng(seed, subject, condition)
  traits = walker_traits.draw_traits(own_rng, walk_rng)
  harmonics = walker_traits.draw_harmonics(own_rng)
  clothes = walker_clothes.draw_clothes(condition, walk_rng)
  phase = _draw_phase(traits, frames, walk_rng)
  heading = walk_rng.normal(0, 2)
  start, end, *radii = walker_bodies.body(traits, harmonics, phase, clothes)

  # Standing on the ground: the lowest point of each frame is at height 0.
  below = np.minimum(start[..., 2] - radii[0], end[..., 2] - radii[1])
  ground = below.min(1)[:, None]  # [T, 1]
  discs = [
    _project(points, ground, radius, views, heading)
    for points, radius in zip((start, end), radii, strict=True)
  ]
  noise = [
    _draw_noise(_rng(seed, subject, condition, view), frames, len(radii[0]))
    for view in views
  ]
  noise = {k: np.concatenate([n[k] for n in noise]) for k in noise[0]}
  rows = _silhouettes(*discs, noise)
  pixels = rasterise.unpack(rasterise.centre(rows)) * np.uint8(255)
  return pixels.reshape(len(views), frames, rasterise.SIZE, rasterise.SIZE)


def _rng(seed, *names):
  keys = [zlib.crc32(name.encode()) for name in names]
  return np.random.default_rng([seed, len(names), *keys])


def _draw_phase(traits, frames, rng):
  """Cycles at each frame: any start, the subject's cadence, a little uneven."""
  step = traits['cadence'] / walker_traits.FRAMES_A_CYCLE
  uneven = rng.normal(0, 0.03, frames)
  return rng.uniform() + np.cumsum(step * (1 + uneven))


def _project(points, ground, radius, views, heading):
  """(u, v, radius), float32 [V * T, C], as tangents of the viewing angle.

  The camera of view 000 is ahead of the walker, that of 090 on his left.
  """
  azimuth = np.deg2rad([int(view) + heading for view in views])
  c, s = (
    f(azimuth).astype(np.float32)[:, None, None] for f in (np.cos, np.sin)
  )
  x, y, z = points[..., 0], points[..., 1], points[..., 2] - ground
  depth = DISTANCE - (x * c + y * s)  # [V, T, C]
  discs = ((y * c - x * s) / depth, (HEIGHT - z) / depth, radius / depth)
  return [a.reshape(-1, points.shape[1]).astype(np.float32) for a in discs]


def _draw_noise(rng, frames, capsules):
  """What segmentation does to one sequence; every array has T rows."""
  thickness = (
    1 + 0.02 * rng.standard_normal() + _slow(0.05, rng, (frames, capsules))
  )
  lost = np.where(_run(rng, frames, 0.2), rng.uniform(0.02, 0.09), 0)
  part = rng.integers(capsules)
  thickness[_run(rng, frames, 0.2), part] = LOST
  holes = np.zeros((frames, 3, 3))
  for i in range(holes.shape[1]):
    radius = rng.uniform(0.012, 0.035)
    at = rng.normal(0, 0.05), rng.uniform(0.15, 0.9)
    wander = _slow(0.012, rng, (frames, 2))
    holes[:, i, :2] = at + wander
    holes[:, i, 2] = radius * _run(rng, frames, 0.25)
  rough = rng.integers(2**64, size=(5, frames, rasterise.SIZE), dtype=np.uint64)
  return {
    'thickness': thickness.astype(np.float32),  # [T, C]
    'lost': lost.astype(np.float32)[:, None],  # [T, 1]
    'holes': holes.astype(np.float32),  # [T, 3, (x, y, radius)]
    'rough': rough[0] & rough[1] & rough[2] & rough[3],  # [T, 64]
    'grown': rough[4],  # [T, 64]
  }


def _slow(deviation, rng, shape):
  """Noise that changes over a few frames."""
  white = rng.standard_normal((shape[0] + 4, *shape[1:]))
  total = sum(white[i : i + shape[0]] for i in range(5))
  return deviation * total / np.sqrt(5)


def _run(rng, frames, probability):
  """bool [T], true in one run of frames, or nowhere."""
  hit = rng.uniform() < probability
  first, length = rng.integers(frames), rng.integers(3, 13)
  at = np.arange(frames)
  return hit & (at >= first) & (at < first + length)


def _silhouettes(start, end, noise):
  """Draws at the scale at which the body is 64 rows high."""
  start[2], end[2] = (d[2] * noise['thickness'] for d in (start, end))
  discs = (start, end)
  top = np.minimum(*(d[1] - d[2] for d in discs)).min(1, keepdims=True)
  base = np.maximum(*(d[1] + d[2] for d in discs)).max(1, keepdims=True)
  scale = rasterise.SIZE / ((base - top) * (1 - noise['lost']))
  start, end = (
    (d[0] * scale + rasterise.SIZE / 2, (d[1] - top) * scale, d[2] * scale)
    for d in discs
  )
  rows = rasterise.draw(start, end)
  outermost = np.isin(np.arange(rasterise.SIZE), (0, rasterise.SIZE - 1))
  rows = rasterise.roughen(rows, noise['rough'], noise['grown'], outermost)
  x, y, radius = (noise['holes'][..., i] * rasterise.SIZE for i in range(3))
  hole = (x + rasterise.SIZE / 2, y, radius)
  holes = np.where(outermost, np.uint64(0), rasterise.draw(hole, hole))
  return rows & ~holes
