"""Bodies of the synthetic walkers: from traits and phase to capsules in 3-D.

Axes: x forward, y to the walker's left, z up, from the middle of the hips.
Lengths are shares of stature.
"""

import numpy as np

from selfgait_jax.data.walkers import clothes
from selfgait_jax.data.walkers.traits import ANKLE, HIP, KNEE, curve

SIDES = ('l', 'r')
TORSO = ('hip', 'waist', 'chest')


def body(
  traits: dict[str, float],
  harmonics: np.ndarray,
  phase: np.ndarray,
  worn: dict,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
  """Capsules of a walk in 3-D.

  Args:
    traits: from `traits.draw_traits`.
    harmonics: from `traits.draw_harmonics`.
    phase: float [T], cycles since a heel strike of the left foot.
    worn: from `clothes.draw_clothes`.

  Returns:
    start and end, float32 [T, C, 3]; radius at start and end, float32 [C].
  """
  t = clothes.wear(traits, worn)
  points = {}
  # The hip of the leading leg is ahead, the hip of the swinging leg is lower,
  # and the weight is over the standing leg.
  turn = np.cos(2 * np.pi * phase)
  roll = t['pelvis_roll'] * np.sin(2 * np.pi * (phase + 0.02))
  sway = t['pelvis_sway'] * np.sin(2 * np.pi * (phase - 0.03))
  pelvis = _frame(-t['pelvis_yaw'] * turn, 0, roll, (0, sway, 0))
  thorax = _frame(
    t['trunk_yaw'] * turn,
    t['lean'] - 0.8 * np.cos(4 * np.pi * phase),
    t['side_lean'] - t['trunk_roll'] * np.sin(2 * np.pi * phase),
    (0, sway, 0),
  )
  _add_trunk(points, t, pelvis, thorax)
  for side, sign, own in (('l', 1, phase), ('r', -1, phase + 0.5)):
    _add_leg(points, t, harmonics, pelvis, side, sign, own)
    _add_arm(points, t, thorax, side, sign, own)
  capsules = _flesh(t)
  capsules += clothes.hang(points, t, pelvis, thorax, phase, worn)
  starts = np.stack([points[a] for a, _, _, _ in capsules], 1)
  ends = np.stack([points[b] for _, b, _, _ in capsules], 1)
  radii = np.array([(r, s) for _, _, r, s in capsules], np.float32)
  return starts, ends, radii[:, 0], radii[:, 1]


def _frame(yaw, pitch, roll, origin):
  """A function from local (x, y, z) to float32 [T, 3]; angles in degrees."""
  cy, sy = np.cos(np.deg2rad(yaw)), np.sin(np.deg2rad(yaw))
  cp, sp = np.cos(np.deg2rad(pitch)), np.sin(np.deg2rad(pitch))
  cr, sr = np.cos(np.deg2rad(roll)), np.sin(np.deg2rad(roll))

  def place(x, y, z):
    y, z = y * cr - z * sr, y * sr + z * cr  # roll: the left side up
    x, z = x * cp + z * sp, z * cp - x * sp  # pitch: the top forward
    x, y = x * cy - y * sy, x * sy + y * cy  # yaw: to the left
    return np.stack(
      [x + origin[0], y + origin[1], z + origin[2]], -1, dtype=np.float32
    )

  return place


def _add_trunk(points, t, pelvis, thorax):
  for side, sign in (('l', 1), ('r', -1)):
    for name, place, height in (
      ('hip', pelvis, 0.02),
      ('waist', thorax, 0.36 * t['trunk']),
      ('chest', thorax, 0.74 * t['trunk']),
    ):
      depth, breadth = t[f'{name}_depth'], t[f'{name}_breadth']
      offset = sign * max(breadth - depth, 0.005) * t['build']
      points[f'{name}_{side}'] = place(0, offset, height)
    drop = -sign * t['shoulder_drop']
    points[f'shoulder_{side}'] = thorax(
      -0.005, sign * t['shoulder_half'], t['trunk'] - 0.034 + drop
    )
    points[f'seat_{side}'] = pelvis(-0.022, sign * 0.035, -0.012)
  points['belly'] = thorax(t['belly'], 0, 0.32 * t['trunk'])
  points['breast'] = thorax(0.012, 0, 0.68 * t['trunk'])
  forward, pitch = t['head_forward'], np.deg2rad(t['head_pitch'])
  points['nape'] = thorax(-0.008, 0, t['trunk'] + 0.005)
  base = t['trunk'] + t['neck']  # chin
  size = t['head']
  points['throat'] = thorax(forward * 0.6 - 0.006, 0, base + 0.02)
  points['jaw'] = thorax(
    forward + 0.016 * size + 0.03 * np.sin(pitch), 0, base + 0.038 * size
  )
  points['brow'] = thorax(forward + 0.012 * size, 0, base + 0.082 * size)
  points['skull'] = thorax(
    forward - 0.014 * size - 0.03 * np.sin(pitch), 0, base + 0.084 * size
  )


def _add_leg(points, t, harmonics, pelvis, side, sign, phase):
  hip = curve(HIP, harmonics[0], phase) - np.mean(HIP)
  knee = curve(KNEE, harmonics[1], phase + t['knee_phase'])
  ankle = curve(ANKLE, harmonics[2], phase) * t['ankle_range']
  knee = 3 + (knee - 3) * t['knee_range'] * np.sqrt(t['stride'])
  thigh = hip * t['stride'] + np.mean(HIP) + t['hip_mean'] + t['knee_mean'] / 2
  shank = thigh - np.maximum(knee + t['knee_mean'], 0)
  foot = np.deg2rad(shank + ankle + t['ankle_mean'])
  thigh, shank = np.deg2rad(thigh), np.deg2rad(shank)
  joint = pelvis(0, sign * t['hip_half'], 0)
  # The ankles come down `step_half` from the middle line.
  drop = (t['step_half'] - t['hip_half']) * sign / (t['thigh'] + t['shank'])
  bow = sign * t['knee_out']
  knee_at = joint + _xyz(
    t['thigh'] * np.sin(thigh),
    t['thigh'] * drop + bow,
    -t['thigh'] * np.cos(thigh),
  )
  calf_at = knee_at + 0.33 * _xyz(
    t['shank'] * np.sin(shank) - 0.035 * np.cos(shank),
    t['shank'] * drop - bow,
    -t['shank'] * np.cos(shank) - 0.035 * np.sin(shank),
  )
  ankle_at = knee_at + _xyz(
    t['shank'] * np.sin(shank),
    t['shank'] * drop - bow,
    -t['shank'] * np.cos(shank),
  )
  out = sign * np.deg2rad(t['toe_out'])
  points[f'joint_{side}'], points[f'knee_{side}'] = joint, knee_at
  points[f'calf_{side}'], points[f'ankle_{side}'] = calf_at, ankle_at
  for name, ahead, below in (
    ('heel', -0.24 * t['foot'], t['ankle'] - 0.018),
    ('ball', 0.45 * t['foot'], t['ankle'] - 0.013),
    ('toe', 0.69 * t['foot'], t['ankle'] - 0.010),
  ):
    x = ahead * np.cos(foot) + below * np.sin(foot)
    z = ahead * np.sin(foot) - below * np.cos(foot)
    points[f'{name}_{side}'] = ankle_at + _xyz(
      x * np.cos(out), x * np.sin(out), z
    )


def _add_arm(points, t, thorax, side, sign, phase):
  free = t[f'arm_free_{side}']  # share of the swing that a bag allows
  swing = t['arm_range'] * (1 + sign * t['arm_asymmetry']) * t['stride'] * free
  turn = 2 * np.pi * (phase - t['arm_phase'])
  upper = t['arm_mean'] - swing * np.cos(turn)
  bend = t['elbow_mean'] * (0.4 + 0.6 * free)
  bend = bend - t['elbow_range'] * free * np.cos(turn)
  lower = np.deg2rad(upper + np.maximum(bend, 3))
  upper = np.deg2rad(upper)
  out = sign * np.deg2rad(t['arm_out'])
  inward = out - sign * np.deg2rad(9)
  elbow = points[f'shoulder_{side}'] + t['upper_arm'] * _direction(upper, out)
  points[f'elbow_{side}'] = elbow
  wrist = elbow + t['forearm'] * _direction(lower, inward)
  points[f'wrist_{side}'] = wrist
  points[f'hand_{side}'] = wrist + 0.055 * _direction(lower + 0.1, inward)


def _flesh(t):
  """(start, end, start radius, end radius) of the capsules of the body."""
  b = t['build']
  depth = {name: t[f'{name}_depth'] * b for name in TORSO}
  neck, arm, thigh, calf = (
    t[f'{k}_girth'] * b for k in ('neck', 'arm', 'thigh', 'calf')
  )
  head = 0.043 * t['head']
  trousers = t['trousers'] * (0.5 + 0.5 * b)
  capsules = [
    ('waist_l', 'waist_r', depth['waist'], depth['waist']),
    ('belly', 'breast', depth['waist'] * 0.95, depth['chest'] * 0.9),
    ('nape', 'throat', neck, neck),
    ('jaw', 'brow', head * 0.86, head),
    ('skull', 'brow', head + t['hair'], head + t['hair'] / 2),
  ]
  for s in SIDES:
    capsules += [
      (f'hip_{s}', f'waist_{s}', depth['hip'], depth['waist']),
      (f'waist_{s}', f'chest_{s}', depth['waist'], depth['chest']),
      (f'chest_{s}', f'shoulder_{s}', depth['chest'] * 0.95, arm * 1.05),
      ('nape', f'shoulder_{s}', neck, arm * 0.95),
      (f'seat_{s}', f'joint_{s}', thigh * 1.12, thigh * 1.1),
      (f'joint_{s}', f'knee_{s}', thigh * 1.1, calf * 1.05),
      (f'knee_{s}', f'calf_{s}', calf * 1.03, calf * 1.05),
      (f'calf_{s}', f'ankle_{s}', calf * 1.05, trousers),
      (f'ankle_{s}', f'heel_{s}', trousers, 0.018),
      (f'ankle_{s}', f'ball_{s}', trousers * 0.9, 0.014),
      (f'heel_{s}', f'ball_{s}', 0.018, 0.016),
      (f'ball_{s}', f'toe_{s}', 0.016, 0.010),
      (f'shoulder_{s}', f'elbow_{s}', arm * 1.1, arm * 0.88),
      (f'elbow_{s}', f'wrist_{s}', arm * 0.88, arm * 0.62),
      (f'wrist_{s}', f'hand_{s}', 0.018 * b, 0.021 * b),
    ]
  return capsules


def _xyz(x, y, z):
  return np.stack(np.broadcast_arrays(x, y, z), -1).astype(np.float32)


def _direction(forward, out):
  """Unit vector hanging down, swung forward and out; radians."""
  return _xyz(
    np.sin(forward) * np.cos(out), np.sin(out), -np.cos(forward) * np.cos(out)
  )
