"""A long clip in pieces gives what the whole clip gives, for every network."""

import operator

import jax
import numpy as np
import pytest
import random_networks

from selfgait_jax import pieces
from selfgait_jax.machine import sharding
from selfgait_jax.models import pixels

FORMS = {name: (name, {}) for name in random_networks.SMALL}
FORMS |= {name: (name, {}) for name in random_networks.FORMS}
FORMS['selfgait by frames'] = ('selfgait', {'use_motion': False})
WIDTH = 8
EMBEDDING = operator.itemgetter('embedding')


@pytest.mark.parametrize('form', FORMS)
def test_pieces_are_the_whole(form):
  name, settings = FORMS[form]
  model, variables, apply = random_networks.drawn(name, WIDTH)
  if settings:
    model = random_networks.make(name, **settings)
    apply = jax.jit(lambda *inputs: model.apply(variables, *inputs))
  mesh = sharding.make_mesh(jax.devices()[:2])
  rng = np.random.default_rng(0)
  most = 2 * model.reach + 4 * model.merged_frames
  embed = pieces.make_embedder(model, mesh, EMBEDDING, WIDTH, most)
  clip = rng.integers(0, 256, (2 * most + 7, 64, WIDTH), np.uint8)
  whole = apply(pixels.to_unit(clip[None]))['embedding'][0]
  assert random_networks.error(embed(variables, clip), whole) < 1e-5


@pytest.mark.parametrize('form', FORMS)
def test_a_frame_depends_on_its_neighbours_within_reach_alone(form):
  """Else pieces would have to overlap by more, or could by less."""
  name, settings = FORMS[form]
  model, variables, _ = random_networks.drawn(name, WIDTH)
  model = random_networks.make(name, **settings)
  group, reach = model.merged_frames, model.reach
  at = 2 * reach + 2 * group - (2 * reach) % group
  length = at + group + reach + 3 * group
  counted = np.zeros((1, length), bool)
  counted[:, at : at + group] = True

  def peak(frames):
    clips = frames[None]
    mask = np.ones((1, length), bool)
    return sum(
      x.astype(np.float32).sum()
      for x in jax.tree.leaves(
        model.apply(variables, clips, mask, counted=counted, method='peak')
      )
    )

  rng = np.random.default_rng(0)
  clip = rng.random((length, 64, WIDTH)).astype(np.float32)
  slope = jax.jit(jax.grad(peak), compiler_options=random_networks.UNOPTIMISED)
  slope = np.abs(slope(clip)).max((1, 2))
  touched = np.flatnonzero(slope)
  assert touched[0] >= at - reach and touched[-1] < at + group + reach
  assert len(touched) >= group
  if reach:
    assert touched[0] < at - reach + group  # no frame more than is needed


def test_a_device_without_a_piece_changes_nothing():
  model, variables, apply = random_networks.drawn('gaitset', WIDTH)
  mesh = sharding.make_mesh(jax.devices()[:4])
  embed = pieces.make_embedder(model, mesh, EMBEDDING, WIDTH, 4)
  clip = np.random.default_rng(0).integers(0, 256, (5, 64, WIDTH), np.uint8)
  whole = apply(pixels.to_unit(clip[None]))['embedding'][0]
  assert random_networks.error(embed(variables, clip), whole) < 1e-5
