"""What distinguishes one synthetic walker from another: proportions and gait.

Segment lengths and breadths are from Drillis and Contini (1966), in Winter,
`Biomechanics and Motor Control of Human Movement`; girths from ANSUR (Gordon et
al. 1989), plus clothes; joint angles at natural cadence from Winter (1991) and
Perry (1992), rounded; arm swing from Murray, Sepic and Barnard (1967). The
deviations are chosen: they are plausible, and nearest neighbours of gait energy
images recognise about as many walkers as they do on CASIA-B.
"""

import numpy as np

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
  'hip_half': (0.052, 0.003, 0),  # from the middle to a hip joint
  'build': (1.0, 0.085, 0.012),  # factor of every girth
  'chest_depth': (0.069, 0.005, 0.001),  # half, as all depths and breadths
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
  'cadence': (1.0, 0.07, 0.035),  # 1 is 26 frames a cycle
  'stride': (1.0, 0.07, 0.03),  # factor of the hip and knee ranges
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
  'trunk_roll': (1.0, 1.2, 0.3),  # towards the standing leg
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
  'knee_out': (0.0, 0.006, 0.001),  # bow legs; below 0, knock knees
}

# Joint angles in degrees at every 5 % of a cycle, from heel strike on; flexion
# and dorsiflexion are positive.
HIP = (28, 27, 25, 21, 16, 11, 6, 1, -4, -8, -10, -9, -3, 6, 15, 22, 27, 30)
HIP += (30, 29)
KNEE = (5, 11, 17, 18, 15, 11, 8, 5, 5, 8, 14, 25, 40, 54, 62, 60, 49, 32, 14)
KNEE += (4,)
ANKLE = (0, -5, -4, 0, 3, 5, 6, 8, 10, 9, 4, -8, -18, -14, -7, -2, 1, 2, 2, 1)
HARMONICS = 7  # of each curve that are kept, including the mean
FRAMES_A_CYCLE = 26  # at 25 frames/s


def draw_traits(
  subject_rng: np.random.Generator, walk_rng: np.random.Generator
) -> dict[str, float]:
  """The value of each trait in one walk of one subject."""
  table = np.array(list(TRAITS.values()))
  own = np.clip(subject_rng.standard_normal(len(table)), -2.2, 2.2)
  walk = np.clip(walk_rng.standard_normal(len(table)), -2.2, 2.2)
  values = table[:, 0] + table[:, 1] * own + table[:, 2] * walk
  return dict(zip(TRAITS, values.tolist(), strict=True))


def draw_harmonics(subject_rng: np.random.Generator) -> np.ndarray:
  """complex [3, HARMONICS]: a subject's factors for the hip, knee and ankle."""
  shape = (3, HARMONICS)
  scale = 1 + 0.08 * subject_rng.standard_normal(shape)
  turn = 0.12 * subject_rng.standard_normal(shape)
  factors = scale * np.exp(1j * turn)
  factors[:, 0] = 1  # the means are traits
  return factors


def curve(
  samples: tuple[float, ...], factors: np.ndarray, phase: np.ndarray
) -> np.ndarray:
  """A tabulated joint curve at `phase`, its harmonics multiplied by `factors`.

  Args:
    samples: at equal steps of one cycle.
    factors: complex [HARMONICS].
    phase: float [T], cycles.

  Returns:
    float [T], degrees.
  """
  series = np.fft.rfft(samples)[:HARMONICS] / len(samples) * factors
  series[1:] *= 2
  turns = 2j * np.pi * np.outer(phase, np.arange(HARMONICS))
  return (np.exp(turns) * series).sum(1).real
