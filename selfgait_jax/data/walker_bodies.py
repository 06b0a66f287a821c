"""Bodies and gait of the synthetic walkers: traits to capsules in 3-D.

Axes: x forward, y to the walker's left, z up; lengths as shares of stature.
Segment lengths and breadths: Drillis and Contini (1966), in Winter,
`Biomechanics and Motor Control of Human Movement`. Girths: ANSUR (Gordon et al.
1989). Joint angles: Winter (1991) and Perry (1992), natural cadence; arm swing:
Murray, Sepic and Barnard (1967).
"""

import numpy as np

from selfgait_jax.data import walker_clothes

# (mean, deviation between subjects, deviation between walks of one subject).
# Lengths and radii are shares of stature, angles degrees.
TRAITS = {
  'thigh': (0.245, 0.007, 0),
  'shank': (0.246, 0.007, 0),
  'ankle': (0.039, 0.002, 0),
  'foot': (0.152, 0.006, 0),
  'trunk': (0.288, 0.010, 0),  # hip to shoulder
  'neck': (0.052, 0.006, 0),  # shoulder to chin
  'head': (1.0, 0.05, 0),
  'upper_arm': (0.172, 0.007, 0),
  'forearm': (0.146, 0.006, 0),
  'shoulder_half': (0.108, 0.007, 0),
  'hip_half': (0.052, 0.003, 0),  # between the joints
  'build': (1.0, 0.085, 0.012),  # of every girth
  'chest_depth': (0.069, 0.005, 0.001),  # half
  'chest_breadth': (0.094, 0.006, 0.001),
  'waist_depth': (0.064, 0.007, 0.001),
  'waist_breadth': (0.084, 0.007, 0.001),
  'hip_depth': (0.066, 0.005, 0.001),
  'hip_breadth': (0.096, 0.005, 0.001),
  'belly': (0.012, 0.012, 0.001),  # forward of the waist
  'thigh_girth': (0.050, 0.004, 0.001),
  'calf_girth': (0.034, 0.003, 0.001),
  'neck_girth': (0.035, 0.002, 0),
  'arm_girth': (0.031, 0.003, 0.001),
  'trousers': (0.025, 0.004, 0.001),  # radius at the ankle
  'hair': (0.004, 0.004, 0.001),
  'cadence': (1.0, 0.07, 0.035),  # of 26 frames a cycle
  'stride': (1.0, 0.07, 0.03),  # of hip and knee range
  'hip_mean': (0.0, 2.0, 0.5),
  'knee_mean': (0.0, 2.0, 0.5),
  'ankle_mean': (0.0, 2.0, 0.5),
  'knee_range': (1.0, 0.08, 0.02),
  'ankle_range': (1.0, 0.15, 0.03),
  'knee_phase': (0.0, 0.012, 0.003),  # cycles
  'pelvis_yaw': (5.0, 2.0, 0.6),
  'pelvis_roll': (4.0, 1.6, 0.5),
  'pelvis_sway': (0.011, 0.005, 0.001),
  'trunk_yaw': (5.0, 2.5, 0.7),
  'trunk_roll': (1.0, 1.2, 0.3),  # swing towards the standing leg
  'lean': (3.0, 2.8, 0.8),
  'side_lean': (0.0, 0.9, 0.3),
  'head_forward': (0.022, 0.011, 0.002),
  'head_pitch': (0.0, 5.0, 1.5),
  'shoulder_drop': (0.0, 0.006, 0.001),  # left below right
  'arm_mean': (-6.0, 4.0, 1.5),
  'arm_range': (17.0, 6.0, 2.5),
  'arm_asymmetry': (0.0, 0.2, 0.06),
  'arm_phase': (0.0, 0.03, 0.008),
  'arm_out': (7.0, 2.6, 0.8),
  'elbow_mean': (24.0, 8.0, 2.5),
  'elbow_range': (12.0, 5.0, 1.5),
  'step_half': (0.028, 0.009, 0.002),  # half of the step width
  'toe_out': (7.0, 5.0, 1.2),
  'knee_out': (0.0, 0.006, 0.001),  # bow legs, or knock knees below 0
}

# Every 5 % of a cycle from heel strike; flexion and dorsiflexion positive.
HIP = (28, 27, 25, 21, 16, 11, 6, 1, -4, -8, -10, -9, -3, 6, 15, 22, 27, 30)
HIP += (30, 29)
KNEE = (5, 11, 17, 18, 15, 11, 8, 5, 5, 8, 14, 25, 40, 54, 62, 60, 49, 32, 14)
KNEE += (4,)
ANKLE = (0, -5, -4, 0, 3, 5, 6, 8, 10, 9, 4, -8, -18, -14, -7, -2, 1, 2, 2, 1)
HARMONICS = 7  # kept of each curve, the mean included
FRAMES_A_CYCLE = 26  # at 25 frames/s

SIDES = ('l', 'r')
TORSO = ('hip', 'waist', 'chest')


def draw_traits(subject_rng, walk_rng) -> dict[str, float]:
  """One value for each trait of one walk of one subject."""
  table = np.array(list(TRAITS.values()))
  own = np.clip(subject_rng.standard_normal(len(table)), -2.2, 2.2)
  walk = np.clip(walk_rng.standard_normal(len(table)), -2.2, 2.2)
  values = table[:, 0] + table[:, 1] * own + table[:, 2] * walk
  return dict(zip(TRAITS, values.tolist(), strict=True))


def draw_harmonics(subject_rng) -> np.ndarray:
  """complex [3, HARMONICS]: what a subject makes of hip, knee and ankle."""
  shape = (3, HARMONICS)
  scale = 1 + 0.08 * subject_rng.standard_normal(shape)
  turn = 0.12 * subject_rng.standard_normal(shape)
  factors = scale * np.exp(1j * turn)
  factors[:, 0] = 1  # the means are traits
  return factors


def body(traits, harmonics, phase, clothes):
  """Capsules of a walk in 3-D.

  Args:
    traits: from `draw_traits`.
    harmonics: from `draw_harmonics`.
    phase: float [T], cycles since a heel strike of the left foot.
    clothes: from `walker_clothes.draw_clothes`.

  Returns:
    start, end: float32 [T, C, 3]; start and end radius: float32 [C].
  """
  t = walker_clothes.wear(traits, clothes, TRAITS)
  points = {}
  yaw = -t['pelvis_yaw'] * np.cos(2 * np.pi * phase)
  roll = -t['pelvis_roll'] * np.sin(2 * np.pi * (phase + 0.02))
  sway = t['pelvis_sway'] * np.sin(2 * np.pi * (phase - 0.03))
  pelvis = _frame(yaw, 0 * yaw, roll, (0, sway, 0))
  thorax = _frame(
    -yaw * t['trunk_yaw'] / 5,
    t['lean'] - 0.8 * np.cos(4 * np.pi * phase),
    t['side_lean'] + t['trunk_roll'] * np.sin(2 * np.pi * phase),
    (0, sway, 0),
  )
  _add_trunk(points, t, pelvis, thorax)
  for side, sign, own in (('l', 1, phase), ('r', -1, phase + 0.5)):
    _add_leg(points, t, harmonics, pelvis, side, sign, own)
    _add_arm(points, t, thorax, side, sign, own)
  capsules = _flesh(t)
  capsules += walker_clothes.hang(points, t, pelvis, thorax, phase, clothes)
  starts = np.stack([points[a] for a, _, _, _ in capsules], 1)
  ends = np.stack([points[b] for _, b, _, _ in capsules], 1)
  radii = np.array([(r, s) for _, _, r, s in capsules], np.float32)
  return starts, ends, radii[:, 0], radii[:, 1]


def _frame(yaw, pitch, roll, origin):
  """A function from fixed local (x, y, z) to float32 [T, 3]; degrees in."""
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


def _curve(samples, factors, phase):
  """Fourier series of a tabled curve, its harmonics changed by `factors`."""
  series = np.fft.rfft(samples)[:HARMONICS] / len(samples) * factors
  series[1:] *= 2
  turns = 2j * np.pi * np.outer(phase, np.arange(HARMONICS))
  return (np.exp(turns) * series).sum(1).real


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
      -0.005, sign * t['shoulder_half'], t['trunk'] - 0.03 + drop
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
  hip = _curve(HIP, harmonics[0], phase) - np.mean(HIP)
  knee = _curve(KNEE, harmonics[1], phase + t['knee_phase'])
  ankle = _curve(ANKLE, harmonics[2], phase) * t['ankle_range']
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
  free = t[f'arm_free_{side}']  # share of the swing that a bag leaves
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
  """(start, end, start radius, end radius) of the body's own capsules."""
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
