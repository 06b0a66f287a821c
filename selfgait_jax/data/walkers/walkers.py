"""Synthetic walkers: silhouette sequences in the layout of CASIA-B.

Articulated 3-D bodies seen by 11 cameras. A sequence is a function of the seed,
the subject, the condition, the view and the number of frames.
"""

import numpy as np

from selfgait_jax.data import draws
from selfgait_jax.data.walkers import bodies, clothes, rasterise, traits

VIEWS = tuple(f'{degrees:03d}' for degrees in range(0, 181, 18))
CONDITIONS = tuple(f'nm-{i:02d}' for i in range(1, 7)) + (
  'bg-01',
  'bg-02',
  'cl-01',
  'cl-02',
)
DISTANCE = 2.9  # of the cameras, in statures (about 5 m)
HEIGHT = 1.0  # of the cameras above the ground, in statures
LOST = -9  # factor of a lost part's radius; below 0 the part is not drawn


def render_sequence(
  subject: str, condition: str, view: str, frames: int, seed: int
) -> np.ndarray:
  """One sequence, uint8 [frames, 64, 64] of 0 and 255, at 25 frames/s."""
  return _render(subject, condition, (view,), frames, seed)[0]


def render_walk(
  subject: str, condition: str, frames: int, seed: int
) -> np.ndarray:
  """All views of one walk, uint8 [11, frames, 64, 64] of 0 and 255.

  All views see the same motion at the same time; each has its own segmentation
  noise. Frames are aligned as those of CASIA-B: the body is 64 rows high, and
  the cumulative mass of the columns passes one half in column 32.
  """
  return _render(subject, condition, VIEWS, frames, seed)


def _render(subject, condition, views, frames, seed):
  own_rng = _rng(seed, subject)
  walk_rng = _rng(seed, subject, condition)
  shape = traits.draw_traits(own_rng, walk_rng)
  harmonics = traits.draw_harmonics(own_rng)
  worn = clothes.draw_clothes(condition, walk_rng)
  phase = _draw_phase(shape['cadence'], frames, walk_rng)
  heading = walk_rng.normal(0, 2)
  start, end, *radii = bodies.body(shape, harmonics, phase, worn)

  # Put the walker on the ground: the lowest point of a frame has height 0.
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
  return draws.generator(seed, len(names), *names)


def _draw_phase(cadence, frames, rng):
  """Cycles at each frame: random start, the given cadence, slightly uneven."""
  step = cadence / traits.FRAMES_A_CYCLE
  uneven = rng.normal(0, 0.03, frames)
  return rng.uniform() + np.cumsum(step * (1 + uneven))


def _project(points, ground, radius, views, heading):
  """(u, v, radius), float32 [V * T, C], as tangents of the viewing angle.

  The camera of view 000 is ahead of the walker, that of view 090 to the left.
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
  """Segmentation errors of one sequence, as arrays with T rows.

  A radius that varies slowly, a part that is lost for some frames, a body cut
  at its edge, three wandering holes, and a ragged outline.
  """
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
  """Gaussian noise, a moving average over five frames."""
  white = rng.standard_normal((shape[0] + 4, *shape[1:]))
  total = sum(white[i : i + shape[0]] for i in range(5))
  return deviation * total / np.sqrt(5)


def _run(rng, frames, probability):
  """bool [T]: true in one run of 3 to 12 frames with this probability."""
  hit = rng.uniform() < probability
  first, length = rng.integers(frames), rng.integers(3, 13)
  at = np.arange(frames)
  return hit & (at >= first) & (at < first + length)


def _silhouettes(start, end, noise):
  """Draws the bodies, uint64 [V * T, 64], scaled to a height of 64 rows."""
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
