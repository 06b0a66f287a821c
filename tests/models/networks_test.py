"""What holds for every network: what must not matter, types and sizes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import random_networks
from random_networks import FORMS, SMALL, UNOPTIMISED, drawn, error

from selfgait_jax import errors
from selfgait_jax.models import factory
from selfgait_jax.settings import model_checks, networks

NETWORKS = (*SMALL, *FORMS)
WITH_CLASSES = ('gaitgl', 'gaitgl_large', 'gaitbase', 'deepgaitv2_2d')
DOUBLE = ('gaitset', 'gaitpart', 'gaitgl_large', 'gaitssb', 'deepgaitv2')
LENGTHS = (1, 2, 3, 5, 7)
# float32 sums in another order, as another batch size brings about. A leak from
# the padding or from a neighbour is of the size of the outputs themselves.
ROUNDING = 1e-5
# Sizes in use: on OU-MVLP and GREW the large GaitGL, GaitPart and GaitSet, on
# Gait3D the deep DeepGaitV2. The numbers are those of the original programs.
LARGE = {'widths': (32, 64, 128, 256)}
DEEP = {'layers': (1, 4, 4, 1), 'classes': 3000}
COUNTS = [
  ('gaitset', {}, 2_594_592),
  ('gaitset', {'widths': (64, 128, 256)}, 6_313_536),
  ('gaitpart', {}, 1_204_000),
  ('gaitpart', LARGE | {'halvings': (0, 0, 3, 3)}, 4_841_248),
  ('gaitgl', {}, 3_096_673),
  ('gaitgl', LARGE | {'halving': 1, 'classes': 5153}, 95_620_449),
  ('gaitgl', LARGE | {'halving': 1, 'classes': 20000}, 338_873_697),
  ('gaitbase', {}, 7_305_408),
  ('gaitbase', {'classes': 3000}, 19_290_304),
  ('gaitbase', {'classes': 5153}, 28_108_992),
  ('gaitbase', {'classes': 20000}, 88_922_304),
  ('deepgaitv2', {}, 8_339_392),
  ('deepgaitv2', DEEP | {'mode': '2d'}, 23_718_592),
  ('deepgaitv2', DEEP | {'mode': '3d'}, 41_855_680),
  ('deepgaitv2', DEEP | {'mode': 'p3d'}, 25_492_160),
  ('gaitssb', {}, 37_498_048),
  ('gaitssb', {'head': 'linear'}, 29_339_840),
]


def _clips(batch=5, seed=0):
  return np.random.default_rng(seed).random((batch, 8, 64, 8), np.float32)


def _mask(lengths):
  return np.arange(8) < np.array(lengths)[:, None]


@pytest.mark.parametrize('name', NETWORKS)
def test_padding_neighbours_and_batch_do_not_matter(name):
  """The originals leak from a sequence into the next one of its batch."""
  _, _, apply = drawn(name)
  clips, mask = _clips(), _mask(LENGTHS)
  together = apply(clips, mask)
  # Each length is a program. Those below 3 are a case of their own in GaitGL.
  for row in range(4) if name == 'gaitgl' else (0, 3):
    length = LENGTHS[row]
    alone = apply(clips[row : row + 1, :length])
    for output, expected in alone.items():
      found = error(together[output][row], expected[0])
      assert found < ROUNDING, (output, length, found)
  # Other neighbours and other frames in the padding: nothing comes through.
  for row in range(len(LENGTHS)):
    other = np.where(mask[..., None, None], clips, 1 - clips)
    rows = np.arange(len(LENGTHS)) != row
    other[rows] = _clips(4, seed=1)
    again = apply(other, _mask(np.where(rows, 8, LENGTHS)))
    for output, expected in together.items():
      np.testing.assert_array_equal(again[output][row], expected[row])
  again = apply(clips[::-1], mask[::-1])
  for output, expected in together.items():
    assert error(again[output][::-1], expected) < ROUNDING, output


@pytest.mark.parametrize('name', NETWORKS)
def test_order_of_frames_matters_where_frames_are_joined(name):
  _, _, apply = drawn(name)
  clips, mask = _clips(), _mask([8] * 5)
  embed = lambda clips: apply(clips, mask)['embedding']
  found = error(embed(clips[:, [3, 1, 5, 0, 7, 2, 4, 6]]), embed(clips))
  frame_by_frame = name in ('gaitset', 'gaitbase', 'gaitssb', 'deepgaitv2_2d')
  assert found < ROUNDING if frame_by_frame else found > 1e-3


@pytest.mark.parametrize('name', NETWORKS)
def test_half_precision_computes_and_float32_keeps(name):
  """bfloat16 has 8 bits, 4e-3; the rest is the depth of the network."""
  found, expected = _in_type(name, 'bfloat16')
  for output, actual in found.items():
    assert actual.dtype == jnp.float32, output
    assert 1e-5 < error(actual, expected[output]) < 5e-2, output
  half = random_networks.make(name, dtype='bfloat16')
  shapes = factory.variable_shapes(half, 8)
  assert {x.dtype for x in jax.tree.leaves(shapes)} == {jnp.dtype('float32')}


@pytest.mark.parametrize('name', DOUBLE)
def test_double_precision_is_close_to_single(name):
  with jax.enable_x64(True):
    found, expected = _in_type(name, 'float64')
  for output, actual in found.items():
    assert actual.dtype == jnp.dtype('float64'), output
    assert error(actual, expected[output]) < ROUNDING, output


def _in_type(name, dtype):
  """Outputs with the compute in `dtype`, and in float32."""
  _, variables, apply = drawn(name)
  inputs = _clips(), _mask(LENGTHS)
  model = random_networks.make(name, dtype=dtype)
  other = jax.jit(model.apply, compiler_options=UNOPTIMISED)
  return other(variables, *inputs), apply(*inputs)


@pytest.mark.parametrize(
  'name',
  (
    'gaitbase',
    pytest.param('deepgaitv2_3d', marks=pytest.mark.slow),
    pytest.param('deepgaitv2', marks=pytest.mark.slow),
  ),
)
def test_batch_statistics_are_of_the_valid_frames(name):
  """Of padded clips, and of the same clips without padding."""
  model, variables, _ = drawn(name)

  @functools.partial(jax.jit, compiler_options=UNOPTIMISED)
  def train(clips, mask=None):
    return model.apply(variables, clips, mask, True, mutable=['batch_stats'])

  clips = _clips()
  expected = train(clips[:, :3])
  apart = jax.tree.map(error, train(clips, _mask([3] * 5)), expected)
  assert max(jax.tree.leaves(apart)) < 1e-4, apart
  before = variables['batch_stats']
  moved = jax.tree.map(error, expected[1]['batch_stats'], before)
  assert min(jax.tree.leaves(moved)) > 1e-3, moved


@pytest.mark.parametrize('name', WITH_CLASSES)
def test_no_classes_no_logits(name):
  model, variables, _ = drawn(name)
  parts, width = variables['params']['part_linear']['kernel'].shape[:2]
  pooled = np.random.default_rng(0).random((3, parts, width), np.float32)
  heads = lambda m: m.apply(variables, pooled, False, method='heads')
  found, expected = heads(random_networks.make(name, classes=0)), heads(model)
  assert set(found) == {'embedding'}
  assert set(expected) == {'embedding', 'logits'}
  np.testing.assert_array_equal(found['embedding'], expected['embedding'])


@pytest.mark.parametrize(
  'name, settings',
  [
    ('deepgaitv2', {'mode': '2+1d'}),
    ('deepgaitv2', {'classes': 0}),
    ('gaitgl', {'widths': (2, 3)}),
  ],
)
def test_impossible_settings_are_refused(name, settings):
  model = random_networks.make(name, **settings)
  with pytest.raises(errors.UserError, match='^expected .*model'):
    jax.eval_shape(model.init, jax.random.key(0), _clips())


@pytest.mark.parametrize(
  'name, settings, divisor',
  [
    ('selfgait', {'widths': (2, 4)}, 2),
    ('selfgait', {'widths': (2, 3, 4)}, 4),
    ('selfgait', {'widths': (2, 3, 4, 4)}, 4),
    ('gaitset', {'widths': (2, 3)}, 2),
    ('gaitset', {'widths': (2, 3, 4, 5)}, 8),
    ('gaitpart', {'widths': (4, 4), 'halvings': (0, 2)}, 2),
    ('gaitpart', {'widths': (4, 4, 8, 8), 'halvings': (0, 0, 3, 3)}, 4),
    ('gaitbase', {}, 4),
    ('deepgaitv2', {}, 4),
    ('gaitssb', {}, 4),
    ('gaitgl', {}, 2),
  ],
)
def test_settings_are_checked_with_the_size_of_the_map(name, settings, divisor):
  """The narrowest clip and the most strips that are accepted do run."""
  rows = 64 // divisor
  if name != 'gaitgl':  # whose parts are rows
    settings = settings | {'bins': (rows,)}
  section = random_networks.section(name, crop_width=divisor, **settings)
  model_checks.check_model(section)
  model, clip = factory.make_model(section), np.ones((1, 3, 64, divisor))
  parts = {'gaitset': 2 * rows, 'gaitgl': 64}.get(name, rows)
  shape = jax.eval_shape(model.init_with_output, jax.random.key(0), clip)[0]
  assert shape['pooled'].shape[:2] == (1, parts)
  for wrong in ({'crop_width': divisor + 1}, {'bins': (2 * rows,)}):
    if set(wrong) <= set(section):
      wrong = random_networks.section(name, **settings | wrong)
      with pytest.raises(errors.UserError, match='divisible|halve down'):
        model_checks.check_model(wrong)


@pytest.mark.parametrize('name, settings, count', COUNTS)
def test_parameter_counts(name, settings, count):
  section = getattr(networks, name)()
  section.update(settings)
  shapes = factory.variable_shapes(factory.make_model(section), 44)
  assert sum(x.size for x in jax.tree.leaves(shapes['params'])) == count
