"""The weights behind tests/golden/*.npz, drawn again by their rule.

The figures were computed by the original PyTorch programs (torch 2.13, CPU,
float32) with the tensor `draw(key, shape, seed)` under each key of their state
dict; `<model>.keys.json` lists `[key, shape, dtype]`.
"""

import json
import pathlib
import zlib

import numpy as np

GOLDEN = pathlib.Path(__file__).parent / 'golden'


def draw(key: str, shape, seed: int) -> np.ndarray:
  """The tensor under `key`, scaled by the kind of tensor its name says."""
  rng = np.random.default_rng([seed, zlib.crc32(key.encode())])
  leaf = key.rsplit('.', 1)[-1]
  noise = rng.standard_normal(tuple(shape)).astype(np.float32)
  if leaf == 'num_batches_tracked':
    return np.zeros((), np.int64)
  if leaf == 'running_var':
    return np.float32(0.5) + np.abs(noise) * np.float32(0.5)
  if leaf in ('running_mean', 'bias'):
    return noise * np.float32(0.1)
  if leaf == 'fc_bin':
    return noise * np.float32(1 / np.sqrt(shape[1]))
  if leaf == 'weight' and len(shape) == 1:
    return np.float32(1) + noise * np.float32(0.1)
  return noise * np.float32(np.sqrt(2 / np.prod(shape[1:])))


def load(model: str):
  """(figures, state dict) of one golden file."""
  figures = np.load(GOLDEN / f'{model}.npz')
  keys = json.loads((GOLDEN / f'{model}.keys.json').read_text())
  seed = int(figures['seed'])
  return figures, {key: draw(key, shape, seed) for key, shape, _ in keys}


def selfgait_variables(tensors):
  """(params, batch_stats, target_params, target_batch_stats) for our model."""

  def group(name):
    prefix = f'{name}_state_dict.module.'
    return {
      key.removeprefix(prefix): value
      for key, value in tensors.items()
      if key.startswith(prefix)
    }

  def encoder(tensors):
    kernel = lambda i: {
      'kernel': tensors[f'set_layer{i}.forward_block.conv.weight'].transpose(
        2, 3, 1, 0
      )
    }
    return {
      f'block{i}': {'conv1': kernel(2 * i - 1), 'conv2': kernel(2 * i)}
      for i in (1, 2, 3)
    }

  def part_conv(tensors, stack, index):
    stem = [f'conv_list_{stack}.{p}.{index}' for p in range(31)]
    kernels = [tensors[f'{s}.weight'].transpose(2, 1, 0) for s in stem]
    biases = [tensors[f'{s}.bias'] for s in stem]
    return {'kernel': np.stack(kernels), 'bias': np.stack(biases)}

  def head(tensors):
    linear = lambda i: {
      'kernel': tensors[f'net.{i}.weight'][..., 0].T,
      'bias': tensors[f'net.{i}.bias'],
    }
    norm = {'scale': tensors['net.1.weight'], 'bias': tensors['net.1.bias']}
    return {'expand': linear(0), 'norm': norm, 'reduce': linear(3)}

  def statistics(tensors):
    mean, var = tensors['net.1.running_mean'], tensors['net.1.running_var']
    return {'norm': {'mean': mean, 'var': var}}

  motion = group('conv_trans')
  params = {
    'encoder': encoder(group('online_network')),
    'motion': {
      'short_reduce': part_conv(motion, 1, 0),
      'short_expand': part_conv(motion, 1, 2),
      'long_reduce': part_conv(motion, 2, 0),
      'long_expand': part_conv(motion, 2, 2),
    },
    'part_linear': {'kernel': group('TP_1')['fc_bin']},
    'projector': head(group('projection_1')),
    'predictor': head(group('predictor')),
  }
  batch_stats = {
    'projector': statistics(group('projection_1')),
    'predictor': statistics(group('predictor')),
  }
  target_params = {
    'encoder': encoder(group('target_network')),
    'part_linear': {'kernel': group('TP_2')['fc_bin']},
    'projector': head(group('projection_2')),
  }
  target_stats = {'projector': statistics(group('projection_2'))}
  return params, batch_stats, target_params, target_stats
