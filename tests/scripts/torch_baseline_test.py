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


def test_every_parameter_learns():
  torch.set_num_threads(1)  # several wait for each other in a spin
  torch.manual_seed(0)
  net = torch_baseline.SUPERVISED['deepgaitv2'](classes=2)
  before = [x.detach().clone() for x in net.parameters()]
  cast = lambda: torch.autocast('cpu', torch.bfloat16)
  scaler = torch.amp.GradScaler('cpu', enabled=False)
  # With 2 frames PyTorch 2.13 gives NaN as the gradient of a Conv3d's kernel
  # in bfloat16 on CPU.
  clips = torch.rand(4, 3, 16, 1).repeat_interleave(4, 2).repeat(1, 1, 1, 4)
  labels = torch.tensor([0, 0, 1, 1])
  torch_baseline.supervised(net, clips, labels, cast, scaler)()
  for old, new in zip(before, net.parameters(), strict=True):
    assert torch.isfinite(new).all() and not torch.equal(old, new)
