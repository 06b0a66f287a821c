"""Exported programs take other forms of some layers; the values stay."""

import jax
import numpy as np
import pytest
import random_networks

from selfgait_jax.models import layers
from selfgait_jax.models.conv import plain_form


@pytest.mark.parametrize('name', ('gaitbase', 'deepgaitv2', 'deepgaitv2_3d'))
def test_the_plain_form_has_no_choice_of_platforms(name):
  model, variables, apply = random_networks.drawn(name)
  clips = np.random.default_rng(0).random((2, 4, 64, 8), np.float32)
  trace = lambda: str(
    jax.make_jaxpr(lambda x: model.apply(variables, x)['embedding'])(clips)
  )
  assert 'platform_index' in trace()
  with plain_form.wanted():
    assert 'platform_index' not in trace()
    plain = jax.jit(lambda x: model.apply(variables, x)['embedding'])(clips)
  assert 'platform_index' in trace()
  assert random_networks.error(plain, apply(clips)['embedding']) < 1e-5


def test_a_maximum_of_unknown_length_is_the_maximum_of_pairs():
  rng = np.random.default_rng(0)
  features = rng.standard_normal((3, 7, 5), np.float32)
  mask = np.arange(7) < np.array([[7], [1], [4]])
  frames = jax.export.symbolic_shape('t')[0]
  exported = jax.export.export(jax.jit(layers.temporal_max))(
    jax.ShapeDtypeStruct((3, frames, 5), np.float32),
    jax.ShapeDtypeStruct((3, frames), np.bool_),
  )
  expected = layers.temporal_max(features, mask)
  np.testing.assert_array_equal(exported.call(features, mask), expected)


@pytest.mark.parametrize('dtype', ('float32', 'bfloat16'))
def test_filled_frames_keep_the_type(dtype):
  x = np.ones((2, 3, 4), jax.numpy.dtype(dtype))
  mask = np.array([[True, True, False], [True, False, False]])
  filled = layers.fill_padding(x, mask, -np.inf)
  assert filled.dtype == x.dtype
  assert (np.isneginf(np.float32(filled)).all(2) == ~mask).all()
