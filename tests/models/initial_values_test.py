"""Initial values of convolutions and norms are OpenGait's."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import UNOPTIMISED

from selfgait_jax.models import factory, resnet
from selfgait_jax.settings import networks


@pytest.mark.slow
def test_initial_values_are_opengaits():
  """Xavier for convolutions, norms around 1."""
  model = factory.make_model(networks.gaitpart())
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
