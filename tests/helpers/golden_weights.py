"""Redraws the weights with which tests/golden/*.npz were computed.

The figures come from the original PyTorch programs (torch 2.13, CPU, float32).
Every tensor of their state dicts was `draw(key, shape, seed)`;
`<model>.keys.json` lists `[key, shape, dtype]`.
"""

import json
import pathlib
import zlib
from collections.abc import Sequence

import numpy as np

from selfgait_jax.convert import conversion, recognise, sections

GOLDEN = pathlib.Path(__file__).parents[1] / 'golden'


def draw(key: str, shape: Sequence[int], seed: int) -> np.ndarray:
  """The tensor under `key`, whose name decides the distribution."""
  rng = np.random.default_rng([seed, zlib.crc32(key.encode())])
  leaf = key.rsplit('.', 1)[-1]
  noise = rng.standard_normal(tuple(shape)).astype(np.float32)
  if leaf == 'num_batches_tracked':
    return np.zeros((), np.int64)
  if leaf == 'running_var':
    return np.float32(0.5) + np.abs(noise) * np.float32(0.5)
  if leaf in ('running_mean', 'bias'):
    return noise * np.float32(0.1)
  if leaf == 'p':
    return np.full(shape, 6.5, np.float32)
  if leaf == 'fc_bin':
    return noise * np.float32(1 / np.sqrt(shape[1]))
  if leaf == 'weight' and len(shape) == 1:
    return np.float32(1) + noise * np.float32(0.1)
  return noise * np.float32(np.sqrt(2 / np.prod(shape[1:])))


def load(name: str):
  """(figures, state dict) of a golden file, without `module.` in the keys."""
  figures = np.load(GOLDEN / f'{name}.npz')
  keys = json.loads((GOLDEN / f'{name}.keys.json').read_text())
  seed = int(figures['seed'])
  tensors = {key: draw(key, shape, seed) for key, shape, _ in keys}
  bare = lambda key: key.replace('_state_dict.module.', '_state_dict.')
  return figures, {bare(key): tensor for key, tensor in tensors.items()}


def imported(name: str):
  """(figures, section of the model, rules, variables) of a golden file."""
  figures, tensors = load(name)
  kind, _ = recognise.choose('auto', tensors)
  shapes = {key: tensor.shape for key, tensor in tensors.items()}
  section = sections.make_section(kind, shapes, (), 44)
  rules = sections.TABLES[kind].rules(section)
  return figures, section, rules, conversion.to_variables(tensors, rules)
