"""What must not matter to any network, and what each is made of."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import random_networks
from random_networks import UNOPTIMISED

from selfgait_jax.models import factory, resnet
from selfgait_jax.settings import networks

RESIDUAL = {'widths': (4, 4, 8, 8), 'layers': (1, 2, 1, 1)}
# Small ones of every network that sees frame by frame.
SMALL = {
  'gaitset': {'widths': (4, 4, 8), 'embedding_dim': 8},
  'gaitpart': {'widths': (4, 4, 8)},
  'gaitbase': RESIDUAL | {'embedding_dim': 8, 'classes': 5},
  'gaitssb': RESIDUAL | {'embedding_dim': 8},
}
# Numbers of parameters of the original programs.
COUNTS = [
  ('gaitset', {}, 2_594_592),
  ('gaitset', {'widths': (64, 128, 256)}, 6_313_536),
  ('gaitpart', {}, 1_204_000),
  (
    'gaitpart',
    {'widths': (32, 64, 128, 256), 'halvings': (0, 0, 3, 3)},
    4_841_248,
  ),
  ('gaitbase', {}, 7_305_408),
  ('gaitbase', {'classes': 3000}, 19_290_304),
  ('gaitbase', {'classes': 20000}, 88_922_304),
  ('gaitbase', {'classes': 5153}, 28_108_992),
  ('gaitssb', {}, 37_498_048),
  ('gaitssb', {'head': 'linear'}, 29_339_840),
]
LENGTHS = (1, 4)


@functools.cache
def _small(name):
  """(model, variables, application) of a small network."""
  section = getattr(networks, name)()
  section.update(SMALL[name])
  model = factory.make_model(section)
  return model, *random_networks.draw(model)


@pytest.fixture(scope='module')
def clips():
  """(float32 [B, T, H, W], mask of `LENGTHS`)."""
  rng = np.random.default_rng(0)
  clips = rng.random((len(LENGTHS), 5, 64, 44), np.float32)
  return clips, np.arange(5) < np.array(LENGTHS)[:, None]


@pytest.mark.parametrize('name', SMALL)
def test_padding_and_neighbours_do_not_matter(name, clips):
  clips, mask = clips
  _, _, apply = _small(name)
  together = apply(clips, mask)
  for row, length in enumerate(LENGTHS):
    alone = apply(clips[row : row + 1, :length])
    for output, expected in alone.items():
      assert _error(together[output][row], expected[0]) < 1e-6, output
  other = np.where(mask[..., None, None], clips, 1 - clips)[::-1]
  again = apply(other, mask[::-1])
  for output, expected in together.items():
    assert _error(again[output][::-1], expected) < 1e-6, output


@pytest.mark.parametrize('name', SMALL)
def test_half_precision_computes_and_float32_keeps(name, clips):
  """Of the largest value, measured at most: GaitSet 0.6 %, GaitPart 1.2 %,
  GaitBase 0.6 %, GaitSSB 1.0 %.
  """
  found, expected = _in_type(name, jnp.bfloat16, clips)
  for output, actual in found.items():
    assert actual.dtype == jnp.float32, output
    assert 1e-4 < _error(actual, expected[output]) < 2e-2, output
  half = _small(name)[0].clone(dtype=jnp.bfloat16)
  shapes = factory.variable_shapes(half, 44)
  assert {x.dtype for x in jax.tree.leaves(shapes)} == {jnp.dtype('float32')}


@pytest.mark.parametrize('name', SMALL)
def test_double_precision_is_close_to_single(name, clips):
  with jax.enable_x64(True):
    found, expected = _in_type(name, jnp.float64, clips)
  for output, actual in found.items():
    assert actual.dtype == jnp.dtype('float64'), output
    assert _error(actual, expected[output]) < 1e-6, output


def _in_type(name, dtype, clips):
  """Outputs with the compute in `dtype`, and in float32."""
  model, variables, apply = _small(name)
  expected = apply(*clips)
  model = model.clone(dtype=jnp.dtype(dtype))
  found = jax.jit(model.apply, compiler_options=UNOPTIMISED)(variables, *clips)
  return found, expected


def test_batch_statistics_are_of_the_valid_frames(clips):
  """Of padded clips, and of a batch of their valid frames alone."""
  clips, mask = clips
  model, variables, _ = _small('gaitbase')

  @functools.partial(jax.jit, compiler_options=UNOPTIMISED)
  def train(*inputs):
    return model.apply(
      variables, *inputs, True, method='pool', mutable=['batch_stats']
    )

  padded, padded_stats = train(clips, mask)
  valid = clips[mask][:, None]
  cut, cut_stats = train(valid, None)
  # The first clip has one valid frame, the other is a maximum of several.
  assert _error(padded[0], cut[0]) < 1e-5
  whole, whole_stats = train(clips, None)
  assert _error(padded[0], whole[0]) > 1e-3  # the padding is noise
  for stats, same in ((padded_stats, True), (whole_stats, False)):
    errors = jax.tree.map(_error, stats, cut_stats)
    assert (max(jax.tree.leaves(errors)) < 1e-5) == same


def test_head_of_fine_tuning(clips):
  """Unit projections on the unit columns of a matrix a part."""
  section = networks.gaitssb()
  section.update(SMALL['gaitssb'] | {'head': 'linear'})
  model = factory.make_model(section)
  _, variables, _ = _small('gaitssb')
  kernel = np.random.default_rng(2).normal(size=(31, 8, 8)).astype(np.float32)
  params = {k: v for k, v in variables['params'].items() if k != 'predictor'}
  params['part_linear'] = {'kernel': kernel}
  found = jax.jit(model.apply, compiler_options=UNOPTIMISED)(
    variables | {'params': params}, *clips
  )
  assert set(found) == {'pooled', 'projection', 'embedding'}
  unit = lambda x, axis: x / np.linalg.norm(x, axis=axis, keepdims=True)
  projection = np.asarray(found['projection'])
  expected = np.einsum('bpc,pcd->bpd', unit(projection, 2), unit(kernel, 1))
  assert _error(found['embedding'], expected) < 1e-6


def test_initial_values_are_opengaits():
  """Xavier for convolutions, norms around 1."""
  model, _, _ = _small('gaitpart')
  frame, parts = jnp.zeros((1, 4, 4, 128)), jnp.zeros((1, 1, 16, 128))
  move = lambda module, x: module.motion(x)

  @functools.partial(jax.jit, compiler_options=UNOPTIMISED)
  def init(key):
    block = resnet.BasicBlock(256, 2, jnp.float32).init(key, frame, False)
    motion = model.init(key, parts, method=move)
    return block['params'], motion['params']['motion']

  block, motion = init(jax.random.key(0))
  scales = block['norm1']['scale']
  assert abs(jnp.mean(scales) - 1) < 0.01
  assert 0.015 < jnp.std(scales) < 0.025
  assert not np.any(block['norm1']['bias'])
  assert {tuple(conv) for conv in motion.values()} == {('kernel',)}
  for tensor, fans in (
    (block['conv1']['kernel'], 9 * (128 + 256)),
    (block['shortcut']['kernel'], 128 + 256),
    (motion['short_expand']['kernel'], 32 + 128),
    (motion['long_expand']['kernel'], 3 * (32 + 128)),
  ):
    bound = (6 / fans) ** 0.5
    assert 0.97 * bound < abs(tensor).max() <= bound


@pytest.mark.parametrize('name, settings, count', COUNTS)
def test_parameter_counts(name, settings, count):
  section = getattr(networks, name)()
  section.update(settings)
  shapes = factory.variable_shapes(factory.make_model(section), 44)
  assert sum(x.size for x in jax.tree.leaves(shapes['params'])) == count


def _error(actual, expected):
  """Largest difference relative to the largest value."""
  actual, expected = np.asarray(actual), np.asarray(expected)
  return np.abs(actual - expected).max() / np.abs(expected).max()
