"""The PyTorch steps that ours are timed beside train the same networks."""

import math

import jax
import pytest

from selfgait_jax.models import factory
from selfgait_jax.settings import networks

torch = pytest.importorskip('torch')
import torch_baseline  # noqa: E402 -- it needs torch


@pytest.mark.parametrize(
  'step, layers, classes, total',
  [
    ('gaitbase', (1, 1, 1, 1), 74, 7_305_408),
    # OpenGait's for Gait3D, as published.
    ('deepgaitv2', (1, 4, 4, 1), 3000, 25_492_160),
  ],
)
def test_parameters_are_ours(step, layers, classes, total):
  with torch.device('meta'):
    net = torch_baseline.SUPERVISED[step](layers, classes)
  theirs = sorted(x.numel() for x in net.parameters())
  config = getattr(networks, step)()
  config.layers, config.classes = layers, classes
  shapes = factory.variable_shapes(factory.make_model(config), 44)['params']
  assert theirs == sorted(math.prod(x.shape) for x in jax.tree.leaves(shapes))
  assert sum(theirs) == total
