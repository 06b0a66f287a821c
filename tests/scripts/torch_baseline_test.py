"""The PyTorch steps that ours are timed beside are steps of the same networks.

No test looks at how fast anything was.
"""

import math

import jax
import pytest

from selfgait_jax.models import factory
from selfgait_jax.settings import networks

torch = pytest.importorskip('torch')
import torch_baseline  # noqa: E402 -- it needs torch

DEEP = (1, 4, 4, 1)


def sizes_of_ours(step, layers, classes):
  """Of every parameter of trunk and head, in order of size."""
  config = getattr(networks, step)()
  config.layers, config.classes = layers, classes
  shapes = factory.variable_shapes(factory.make_model(config), 44)
  return sorted(math.prod(x.shape) for x in jax.tree.leaves(shapes['params']))


@pytest.mark.parametrize(
  'step, layers, classes, total',
  [
    ('gaitbase', (1, 1, 1, 1), 74, 7_305_408),
    ('deepgaitv2', (1, 1, 1, 1), 74, 8_339_392),
    # OpenGait's for Gait3D, as published.
    ('deepgaitv2', DEEP, 3000, 25_492_160),
  ],
)
def test_parameters_of_trunk_and_head_are_ours(step, layers, classes, total):
  with torch.device('meta'):
    net = torch_baseline.SUPERVISED[step](layers, classes)
  theirs = sorted(x.numel() for x in net.parameters())
  assert sum(theirs) == total
  assert theirs == sizes_of_ours(step, layers, classes)


@pytest.mark.parametrize(
  'amp', [pytest.param(False, marks=pytest.mark.slow), True]
)
def test_deepgaitv2_learns(amp):
  torch.set_num_threads(1)  # more wait in a spin where others use the cores
  torch.manual_seed(0)
  net = torch_baseline.SUPERVISED['deepgaitv2'](classes=2)
  before = [x.detach().clone() for x in net.parameters()]
  maps = []
  net.clips.register_forward_hook(lambda *found: maps.append(found[2]))
  cast = lambda: torch.autocast('cpu', torch.bfloat16, enabled=amp)
  scaler = torch.amp.GradScaler('cpu', enabled=False)
  # Not of 2 frames: PyTorch 2.13 gives NaN, the gradient of a Conv3d's kernel
  # in bfloat16 on CPU.
  clips = torch.rand(4, 3, 16, 1).repeat_interleave(4, 2).repeat(1, 1, 1, 4)
  labels = torch.tensor([0, 0, 1, 1])
  torch_baseline.supervised(net, clips, labels, cast, scaler)()
  assert maps[0].shape == (4, 512, 3, 16, 1)  # [N, C, T, H / 4, W / 4]
  for old, new in zip(before, net.parameters(), strict=True):
    assert torch.isfinite(new).all() and not torch.equal(old, new)
