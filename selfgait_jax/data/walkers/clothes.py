"""What a synthetic walker wears or carries: a coat (cl) or a bag (bg)."""

import numpy as np

from selfgait_jax.data.walkers.traits import TRAITS

COATED = ('chest', 'waist', 'hip')
HIDDEN = 0.5  # share of the torso's deviation from the mean that a coat hides


def draw_clothes(condition: str, rng: np.random.Generator) -> dict:
  """Settings of a bag or a coat, lengths as shares of stature; {} for nm."""
  kind = condition[:2]
  if kind == 'bg':
    bag = ('backpack', 'shoulder', 'hand')[rng.integers(3)]
    return {
      'bag': bag,
      'side': 'lr'[rng.integers(2)],
      'size': rng.uniform(0.038, 0.055) * (1.15 if bag == 'backpack' else 1),
      'arm_out': rng.uniform(0, 3),  # degrees
      'arm_free': rng.uniform(0.2, 0.7),  # of the swing on the bag's side
    }
  if kind == 'cl':
    return {
      'bulk': rng.uniform(0.014, 0.03),
      'length': rng.uniform(0.15, 0.8),  # of the thigh
      'flare': rng.uniform(0.9, 1.1),
      'arm_out': rng.uniform(1, 6),  # degrees
    }
  return {}


def wear(traits: dict[str, float], clothes: dict) -> dict[str, float]:
  """Traits of the dressed body: thicker, arms further out, less arm swing."""
  t = traits | {'arm_free_l': 1.0, 'arm_free_r': 1.0}
  t['arm_out'] += clothes.get('arm_out', 0)
  if clothes.get('bag') in ('shoulder', 'hand'):
    t[f'arm_free_{clothes["side"]}'] = clothes['arm_free']
  if 'bulk' in clothes:
    for part in COATED:
      for name in (f'{part}_depth', f'{part}_breadth'):
        t[name] += HIDDEN * (TRAITS[name][0] - t[name]) + clothes['bulk']
    t['arm_girth'] += 0.7 * clothes['bulk']
    t['neck_girth'] += 0.5 * clothes['bulk']
  return t


def hang(
  points: dict[str, np.ndarray], traits, pelvis, thorax, phase, clothes
) -> list[tuple[str, str, float, float]]:
  """Adds the points of a bag or of a coat's skirt; returns their capsules.

  Args:
    points: float32 [T, 3] by name; the new points are added to it.
    traits: from `wear`.
    pelvis, thorax: functions from local (x, y, z) to float32 [T, 3].
    phase: float [T], cycles.
    clothes: from `draw_clothes`.

  Returns:
    (start, end, start radius, end radius) of each capsule; `start` and `end`
    are names in `points`.
  """
  if 'bulk' in clothes:
    return _skirt(points, traits, clothes)
  if 'bag' in clothes:
    bounce = 0.008 * np.cos(4 * np.pi * (phase - 0.1))
    if clothes['bag'] == 'backpack':
      return _backpack(points, traits, thorax, bounce, clothes['size'])
    return _bag(points, traits, pelvis, bounce, clothes)
  return []


def _skirt(points, t, clothes):
  """The part of a coat below the waist; the thighs push it to and fro."""
  top = t['hip_depth'] * t['build']
  hem = 0.95 * top * clothes['flare']
  for s in 'lr':
    hip, knee = points[f'joint_{s}'], points[f'knee_{s}']
    pushed = (knee - hip) * np.array([0.65, 0.9, 1.0], np.float32)
    points[f'hem_{s}'] = hip + np.float32(clothes['length']) * pushed
  points['hem'] = (points['hem_l'] + points['hem_r']) / 2
  points['hip'] = (points['hip_l'] + points['hip_r']) / 2
  return [
    ('hip_l', 'hem_l', top, hem),
    ('hip_r', 'hem_r', top, hem),
    ('hip', 'hem', top, hem),
    ('hem_l', 'hem_r', hem, hem),
  ]


def _backpack(points, t, thorax, bounce, size):
  behind = -t['chest_depth'] * t['build'] - 0.6 * size
  for side, y in (('l', 0.035), ('r', -0.035)):
    points[f'pack_top_{side}'] = thorax(
      behind, y, 0.82 * t['trunk'] + bounce / 2
    )
    points[f'pack_end_{side}'] = thorax(
      behind - 0.015, y, 0.36 * t['trunk'] + bounce
    )
  return [(f'pack_top_{s}', f'pack_end_{s}', 0.8 * size, size) for s in 'lr']


def _bag(points, t, pelvis, bounce, clothes):
  """A bag on a strap beside the hip, or one held in the hand."""
  side, size = clothes['side'], clothes['size']
  if clothes['bag'] == 'shoulder':
    out = t['hip_breadth'] * t['build'] + 0.4 * size
    y = out if side == 'l' else -out
    points['bag_front'] = pelvis(0.055 + bounce, y, 0.02 + bounce)
    points['bag_back'] = pelvis(-0.075 + bounce, y, 0.02 + bounce)
    points['bag_base'] = pelvis(-0.01 + bounce, y, -0.05 + bounce)
    strap = (f'shoulder_{side}', 'bag_base', 0.03, 0.01)
  else:
    for name, x, z in (
      ('front', 0.05, -0.09),
      ('back', -0.05, -0.09),
      ('base', 0, -0.13),
    ):
      hand = points[f'hand_{side}']
      points[f'bag_{name}'] = hand + np.array([x, 0, z], np.float32)
    strap = (f'hand_{side}', 'bag_base', 0.012, 0.02)
  return [
    ('bag_front', 'bag_back', 0.8 * size, 0.8 * size),
    ('bag_front', 'bag_base', 0.8 * size, 0.7 * size),
    ('bag_back', 'bag_base', 0.8 * size, 0.7 * size),
    strap,
  ]
