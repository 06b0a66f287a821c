"""The vocabulary of the name tables: which tensor stands where, and how laid.

A model's table is a list of rules, one for each tensor of the PyTorch state
dict, in its order. It is read both ways: import, and back.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np


class Layout(NamedTuple):
  """How one tensor is laid out here and there; both are views if they can be.

  Attributes:
    ours: PyTorch's array -> ours.
    theirs: our array -> PyTorch's.
  """

  ours: Callable[[np.ndarray], np.ndarray]
  theirs: Callable[[np.ndarray], np.ndarray]


AS_IT_IS = Layout(lambda x: x, lambda x: x)


class Rule(NamedTuple):
  """One tensor of a state dict.

  Attributes:
    key: in the state dict.
    path: in our variables, from the collection on ('params', 'batch_stats',
      'target_params' or 'target_batch_stats'); () if nothing reads the tensor.
    layout: see `Layout`.
    row: place along the first axis of ours, where it stacks several of theirs.
    dead_shape: of a tensor that nothing reads; it is written as zeros.
    dead_dtype: likewise.
  """

  key: str
  path: tuple[str, ...] = ()
  layout: Layout = AS_IT_IS
  row: int | None = None
  dead_shape: tuple[int, ...] = ()
  dead_dtype: str = 'float32'


# [out, in, k, ...] <-> [k, ..., in, out], in 1, 2 or 3 dimensions.
CONV = Layout(
  lambda x: x.transpose(*range(2, x.ndim), 1, 0),
  lambda x: x.transpose(-1, -2, *range(x.ndim - 2)),
)
# A convolution of size 1 is a matrix: [out, in, 1] <-> [in, out].
POINTWISE = Layout(lambda x: x[..., 0].T, lambda x: x.T[..., None])


def part_vector(parts: int) -> Layout:
  """One number a channel and part: [C * P], channels first, <-> [P, C]."""
  return Layout(lambda x: x.reshape(-1, parts).T, lambda x: x.T.reshape(-1))


def part_order(order: Sequence[int]) -> Layout:
  """Parts in another order: our part i is their part `order[i]`."""
  order = np.asarray(order)
  return Layout(lambda x: x[order], lambda x: x[np.argsort(order)])


def norm(
  key: str, path: Sequence[str], layout: Layout = AS_IT_IS, target: bool = False
) -> list[Rule]:
  """The five tensors of a PyTorch batch norm under `key`.

  `path` is without its collection; `target` picks those of the target network.
  """
  params, stats = (
    f'target_{name}' if target else name for name in ('params', 'batch_stats')
  )
  return [
    Rule(f'{key}.weight', (params, *path, 'scale'), layout),
    Rule(f'{key}.bias', (params, *path, 'bias'), layout),
    Rule(f'{key}.running_mean', (stats, *path, 'mean'), layout),
    Rule(f'{key}.running_var', (stats, *path, 'var'), layout),
    Rule(f'{key}.num_batches_tracked', dead_dtype='int64'),
  ]


def neck(parts: int) -> list[Rule]:
  """The tensors of OpenGait's BNNeck with its classifier, in their order."""
  return [
    Rule('BNNecks.fc_bin', ('params', 'neck', 'classify', 'kernel')),
    *norm('BNNecks.bn1d', ('neck', 'norm'), part_vector(parts)),
  ]
