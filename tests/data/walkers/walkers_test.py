"""Synthetic walkers: they repeat exactly, are aligned, walk, and differ."""

import os
import subprocess
import sys
import zlib

import numpy as np
import pytest

from selfgait_jax.data.walkers import clothes, rasterise, walkers

SIDE = walkers.VIEWS.index('090')


@pytest.fixture(scope='module')
def walk():
  return walkers.render_walk('001', 'nm-01', 30, seed=0)


def test_format(walk):
  assert walk.shape == (11, 30, 64, 64)
  assert walk.dtype == np.uint8
  assert set(np.unique(walk)) == {0, 255}


def test_a_sequence_is_the_row_of_its_walk(walk):
  for view in ('180', '000', '090'):
    sequence = walkers.render_sequence('001', 'nm-01', view, 30, seed=0)
    np.testing.assert_array_equal(sequence, walk[walkers.VIEWS.index(view)])


def test_another_process_draws_the_same(walk):
  code = (
    'import sys, zlib; from selfgait_jax.data.walkers import walkers; '
    "walkers.render_walk('007', 'cl-02', 5, seed=3); "
    "walk = walkers.render_walk('001', 'nm-01', 30, seed=0); "
    "print(zlib.crc32(walk.tobytes()), 'tensorflow' in sys.modules)"
  )
  environment = os.environ | {'PYTHONHASHSEED': '7'}
  printed = subprocess.check_output(
    [sys.executable, '-c', code], env=environment
  )
  assert printed.decode().split() == [str(zlib.crc32(walk.tobytes())), 'False']


def test_seed_subject_and_condition_change_the_walk(walk):
  for subject, condition, seed in (
    ('002', 'nm-01', 0),
    ('001', 'nm-02', 0),
    ('001', 'nm-01', 1),
  ):
    other = walkers.render_walk(subject, condition, 30, seed)
    assert (other != walk).mean() > 0.005


@pytest.mark.parametrize('frames', (1, 40))
def test_every_frame_is_full_height_and_centred(frames):
  for number, condition in enumerate(walkers.CONDITIONS):
    clip = walkers.render_walk(f'{number + 1:03d}', condition, frames, seed=5)
    mass = (clip > 0).sum((2, 3))
    assert mass.min() > 300, 'a person covers a tenth of the picture'
    assert mass.max() < 1600
    assert_aligned(clip)


def test_alignment_holds_when_parts_are_lost(monkeypatch):
  always = lambda rng, frames, probability: np.ones(frames, bool)
  monkeypatch.setattr(walkers, '_run', always)
  for number in range(1, 13):
    assert_aligned(walkers.render_walk(f'{number:03d}', 'nm-01', 13, seed=0))


def assert_aligned(clip):
  assert (clip[:, :, 0].any(-1) & clip[:, :, -1].any(-1)).all()
  left = (clip > 0).sum(2).cumsum(-1)  # [V, T, W]
  middle = (left > left[..., -1:] / 2).argmax(-1)
  assert (middle == 32).all()


def test_legs_move_and_the_head_does_not(walk):
  change = walk[SIDE].astype(float).std(0)
  assert change[44:].mean() > 2 * change[:10].mean()


def test_motion_repeats_every_half_cycle_or_so(walk):
  legs = walk[SIDE, :, 40:].reshape(30, -1) / 255.0
  difference = np.array(
    [np.abs(legs[lag:] - legs[: 30 - lag]).mean() for lag in range(20)]
  )
  half = 9 + difference[9:18].argmin()  # 18 to 34 frames a cycle
  assert difference[half] < 0.5 * difference[half // 2]


def test_views_differ_front_from_side():
  front, side = (
    walkers.render_sequence('004', 'nm-01', view, 30, seed=0) > 0
    for view in ('000', '090')
  )
  step = lambda clip: clip[:, 50:].any(1).sum(-1).std()
  assert step(side) > 2 * step(front)
  assert front[:, 14:26].any(1).sum() > 1.1 * side[:, 14:26].any(1).sum()


def test_clothes_add_where_they_are_worn(monkeypatch):
  coat = {
    'bulk': 0.022,
    'length': 0.7,
    'flare': 1.0,
    'arm_out': 0.0,
  }
  pack = {
    'bag': 'backpack',
    'side': 'l',
    'size': 0.05,
    'arm_out': 0.0,
    'arm_free': 1.0,
  }
  handbag = pack | {'bag': 'hand'}
  geis = []
  for worn in ({}, coat, pack, handbag):
    monkeypatch.setattr(
      clothes, 'draw_clothes', lambda condition, rng, worn=worn: worn
    )
    clips = [
      walkers.render_walk(f'{i:03d}', 'nm-01', 26, seed=0) for i in range(1, 5)
    ]
    geis.append(np.mean(clips, axis=(0, 2)) / 255.0)  # [V, H, W]
  bare, coated, packed, with_handbag = geis
  thigh, shank, back = slice(34, 42), slice(52, 64), slice(14, 24)
  assert coated[:, thigh].sum() > 1.15 * bare[:, thigh].sum()
  assert abs(coated[:, shank].sum() / bare[:, shank].sum() - 1) < 0.05
  # In the side view the walker goes to the left.
  assert packed[SIDE, back, 34:].sum() > 1.3 * bare[SIDE, back, 34:].sum()
  assert with_handbag[0, 32:44].sum() > 1.05 * bare[0, 32:44].sum()


def test_a_subject_is_nearer_to_himself_than_to_others():
  conditions = ('nm-01', 'nm-05')
  geis = np.array(
    [
      [
        walkers.render_walk(f'{i:03d}', c, 26, seed=0).mean(1)
        for c in conditions
      ]
      for i in range(1, 11)
    ]
  )  # [S, 2, V, H, W]
  first, second = geis.reshape(10, 2, 11, -1).transpose(1, 2, 0, 3)
  distance = np.linalg.norm(first[:, :, None] - second[:, None], axis=-1)
  own = np.diagonal(distance, axis1=1, axis2=2)  # [V, S]
  others = (distance.sum(-1) - own) / 9
  assert (own.mean(1) < 0.8 * others.mean(1)).all()
  assert (distance.argmin(-1) == np.arange(10)).mean() > 0.8


def test_capsules_are_the_discs_between_their_ends():
  rng = np.random.default_rng(0)
  frames, capsules = 40, 3
  start, end = (
    [
      rng.uniform(low, high, (frames, capsules)).astype(np.float32)
      for low, high in ((10, 54), (-5, 69), (0.3, 9))
    ]
    for _ in range(2)
  )
  end[0][:8], end[1][:8] = start[0][:8] + 0.5, start[1][:8] - 0.5  # nested
  drawn = rasterise.unpack(rasterise.draw(start, end))
  share = np.linspace(0, 1, 400)
  x, y, radius = (
    (a[..., None] * (1 - share) + b[..., None] * share).reshape(frames, -1)
    for a, b in zip(start, end, strict=True)
  )
  at = np.arange(64) + 0.5
  for frame in range(frames):
    inside = (
      (at[None, :, None] - x[frame]) ** 2 + (at[:, None, None] - y[frame]) ** 2
      < radius[frame] ** 2
    ).any(-1)
    assert (inside != drawn[frame]).sum() <= 4


def test_a_capsule_without_radius_is_not_drawn():
  disc = [np.full((1, 1), value, np.float32) for value in (32, 32, -9)]
  end = [np.full((1, 1), value, np.float32) for value in (20, 40, -9)]
  assert not rasterise.draw(disc, end).any()


def test_centre_moves_half_of_the_mass_to_column_32():
  rows = np.zeros((2, 64), np.uint64)
  rows[0, 10:20] = 0b1110
  rows[1, 10:20] = np.uint64(0b111) << np.uint64(60)
  middle = rasterise.unpack(rasterise.centre(rows))[:, 15].nonzero()[1]
  np.testing.assert_array_equal(middle, [31, 32, 33] * 2)
