"""SelfGait against the original's figures, and what only SelfGait has."""

import functools

import golden_weights
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import UNOPTIMISED, drawn, error

from selfgait_jax import embedder
from selfgait_jax.configs import default
from selfgait_jax.data import sequences
from selfgait_jax.machine import sharding
from selfgait_jax.models import factory, layers

COUNTS = {
  'encoder': 286_496,
  'motion': 1_279_680,
  'part_linear': 507_904,
  'projector': 66_432,
  'predictor': 66_432,
}


@pytest.fixture(scope='module')
def model():
  return factory.make_model(default.get_config().model)


@pytest.fixture(scope='module')
def golden(model):
  """(the original's figures, ours with the same weights and clips)."""
  figures, _, _, variables = golden_weights.imported('selfgait')
  online, target = (
    {name: variables[f'{prefix}{name}'] for name in ('params', 'batch_stats')}
    for prefix in ('', 'target_')
  )
  views = np.stack([figures['view_1'], figures['view_2']], 1) / np.float32(255)
  clips = views[:, 0]  # [B, T, H, W]

  def apply(variables, inputs, method, **options):
    call = lambda v, x: model.apply(v, x, method=method, **options)
    return jax.jit(call)(variables, inputs)

  features, motion = apply(online, clips[:1], _frames)
  target_eval = apply(target, clips, _target_eval)
  train, _ = apply(online, views, 'online_views', mutable=['batch_stats'])
  aimed, _ = apply(target, views, 'target_views', mutable=['batch_stats'])
  found = {
    'frame_features_first_sequence': features[0].transpose(0, 2, 1),
    'mtb_first_sequence': motion[0].transpose(0, 2, 1),
    'target_eval': target_eval,
  }
  evaluated = apply(online, clips, None)
  found['embedding'] = evaluated['embedding']
  for name in ('projection', 'prediction'):
    found[f'{name}_eval'] = evaluated[name]
  for view in range(2):
    found[f'prediction_train_view_{view + 1}'] = train['prediction'][:, view]
    found[f'target_train_view_{view + 1}'] = aimed[:, view]
  return figures, found


def _frames(module, clips):
  features = module.encoder(clips)
  return features, module.motion(features)


def _target_eval(module, clips):
  pooled = layers.temporal_max(module.encoder(clips), None)
  return module.projector(module.part_linear(pooled), False)


@pytest.mark.parametrize(
  'name, tolerance',
  [
    ('frame_features_first_sequence', 1e-4),
    ('mtb_first_sequence', 1e-4),
    ('embedding', 1e-4),
    ('projection_eval', 1e-4),
    ('prediction_eval', 1e-4),
    ('target_eval', 1e-4),
    ('prediction_train_view_1', 1e-3),
    ('prediction_train_view_2', 1e-3),
    ('target_train_view_1', 1e-3),
    ('target_train_view_2', 1e-3),
  ],
)
def test_equals_the_original(golden, name, tolerance):
  figures, found = golden
  expected, actual = figures[name], np.asarray(found[name])
  assert actual.shape == expected.shape and actual.dtype == np.float32
  assert error(actual, expected) < tolerance
  # Without the mean over clips (of the first two figures: over frames).
  assert error(actual - actual.mean(0), expected - expected.mean(0)) < 1e-2


def test_parameter_counts(model):
  shapes = factory.variable_shapes(model, 44)['params']
  count = lambda tree: sum(x.size for x in jax.tree.leaves(tree))
  assert {name: count(tree) for name, tree in shapes.items()} == COUNTS
  used = ('encoder', 'motion', 'part_linear')
  assert sum(COUNTS[name] for name in used) == 2_074_080
  assert {x.dtype for x in jax.tree.leaves(shapes)} == {jnp.dtype('float32')}


def test_initial_values_fill_their_bounds(model):
  """Xavier for convolutions and part maps, PyTorch's default elsewhere."""
  params = factory.init_variables(model, jax.random.key(0), 44)['params']
  channels = [1, 32, 32, 64, 64, 128, 128]
  bounds = {}
  for i, (inputs, outputs) in enumerate(
    zip(channels[:-1], channels[1:], strict=True), 1
  ):
    area = 25 if i == 1 else 9
    block, half = divmod(i - 1, 2)
    bounds['encoder', f'block{block + 1}', f'conv{half + 1}', 'kernel'] = (
      6 / (area * (inputs + outputs))
    ) ** 0.5
  for name, fan_in in (
    ('short_reduce', 3 * 128),
    ('short_expand', 32),
    ('long_reduce', 3 * 128),
    ('long_expand', 3 * 32),
  ):
    bounds['motion', name, 'kernel'] = fan_in**-0.5
    bounds['motion', name, 'bias'] = fan_in**-0.5
  bounds['part_linear', 'kernel'] = (6 / 20352) ** 0.5
  for head in ('projector', 'predictor'):
    for name, fan_in in (('expand', 128), ('reduce', 256)):
      bounds[head, name, 'kernel'] = fan_in**-0.5
      bounds[head, name, 'bias'] = fan_in**-0.5
    assert np.all(params[head]['norm']['scale'] == 1)
    assert np.all(params[head]['norm']['bias'] == 0)
  for path, bound in bounds.items():
    tensor = params
    for name in path:
      tensor = tensor[name]
    largest = np.abs(tensor).max()
    assert 0.97 * bound < largest <= bound, (path, largest, bound)
    spread = np.std(np.asarray(tensor)) * 3**0.5 / bound
    assert abs(spread - 1) < 3 / tensor.size**0.5, (path, spread)


def test_padding_stays_out_of_a_maximum_below_zero():
  """A padded frame counts 0, which is more than all of these features."""
  model, variables, _ = drawn('selfgait')
  lengths = (1, 2, 3, 5, 8)
  rng = np.random.default_rng(0)
  features = rng.normal(-3, 1, (5, 8, 7, 4)).astype(np.float32)  # [B, T, P, C]
  mask = np.arange(8) < np.array(lengths)[:, None]

  def pool(module, x, mask=None):
    return layers.temporal_max(module.motion(x, mask), mask)

  @functools.partial(jax.jit, compiler_options=UNOPTIMISED)
  def apply(*inputs):
    return model.apply(variables, *inputs, method=pool)

  together = apply(features, mask)
  for row, length in enumerate(lengths):
    alone = apply(features[row : row + 1, :length])
    assert np.all(alone < 0)
    assert error(together[row], alone[0]) < 1e-5, length


def test_only_the_motion_block_uses_the_order_of_frames():
  model, variables, _ = drawn('selfgait')
  clips = np.random.default_rng(0).random((5, 8, 64, 8), np.float32)
  order = np.array([3, 1, 7, 0, 6, 2, 5, 4])
  for network, moves in ((model, True), (model.clone(use_motion=False), False)):
    embed = jax.jit(network.apply, compiler_options=UNOPTIMISED)
    found, expected = (
      embed(variables, c)['embedding'] for c in (clips[:, order], clips)
    )
    assert (error(found, expected) > 1e-3) == moves
    assert moves or error(found, expected) < 1e-5


@pytest.mark.slow
def test_embedding_does_not_depend_on_the_batch():
  model, variables, _ = drawn('selfgait')
  rng = np.random.default_rng(0)
  data = sequences.from_records(
    (
      (
        '001',
        'nm-01',
        f'{view:03d}',
        rng.integers(0, 256, (t, 64, 64), np.uint8),
      )
      for view, t in enumerate((1, 9, 2, 30, 17, 4, 4, 23, 12))
    ),
    'synthetic_gait',
  )
  found = []
  for batch_frames in (1, 60, 10_000):
    embed = embedder.make_embedder(
      model, sharding.make_mesh(), 'embedding', 8, batch_frames
    )
    found.append(embed(variables, data, 720))
  alone = embed(variables, data, 720, rows=[3])
  assert found[0].shape == (9, 7, 8) and found[0].dtype == np.float32
  for other in found[1:]:
    assert error(other, found[0]) < 1e-5
  assert error(alone[0], found[0][3]) < 1e-5
