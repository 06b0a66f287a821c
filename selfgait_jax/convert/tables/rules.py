"""The rules that name tables consist of.

The table of a network is a list of rules, one for each tensor of the PyTorch
state dict, in its order. Import and export use the same table.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np


class Layout(NamedTuple):
  """Converts an array between the two layouts; returns a view if possible.

  Attributes:
    ours: from PyTorch's layout to ours.
    theirs: from our layout to PyTorch's.
  """

  ours: Callable[[np.ndarray], np.ndarray]
  theirs: Callable[[np.ndarray], np.ndarray]


AS_IT_IS = Layout(lambda x: x, lambda x: x)


class Rule(NamedTuple):
  """One tensor of a state dict.

  Attributes:
    key: in the state dict.
    path: in our variables, starting with the collection ('params',
      'batch_stats', 'target_params' or 'target_batch_stats'); () if the
      network does not read the tensor.
    layout: see `Layout`.
    row: index along our first axis, where ours stacks several of theirs.
    dead_shape: shape of a tensor that is not read; it is written as zeros.
    dead_dtype: dtype of such a tensor.
  """

  key: str
  path: tuple[str, ...] = ()
  layout: Layout = AS_IT_IS
  row: int | None = None
  dead_shape: tuple[int, ...] = ()
  dead_dtype: str = 'float32'


# Kernels in 1, 2 or 3 dimensions: [out, in, k, ...] <-> [k, ..., in, out].
CONV = Layout(
  lambda x: x.transpose(*range(2, x.ndim), 1, 0),
  lambda x: x.transpose(-1, -2, *range(x.ndim - 2)),
)
# A convolution of size 1 is a matrix: [out, in, 1] <-> [in, out].
POINTWISE = Layout(lambda x: x[..., 0].T, lambda x: x.T[..., None])


def part_vector(parts: int) -> Layout:
  """One number per channel and part: [C * P], channel-major, <-> [P, C]."""
  return Layout(lambda x: x.reshape(-1, parts).T, lambda x: x.T.reshape(-1))


def part_order(order: Sequence[int]) -> Layout:
  """Reorders the first axis: our part i is their part `order[i]`."""
  order = np.asarray(order)
  return Layout(lambda x: x[order], lambda x: x[np.argsort(order)])


def norm(
  key: str, path: Sequence[str], layout: Layout = AS_IT_IS, target: bool = False
) -> list[Rule]:
  """Returns the rules of the five tensors of a PyTorch batch norm.

  Args:
    key: prefix of their keys.
    path: of our module, without its collection.
    layout: of scale, bias and statistics.
    target: whether the norm belongs to the target network.
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
  """Returns the rules of OpenGait's BNNeck and classifier, in their order."""
  return [
    Rule('BNNecks.fc_bin', ('params', 'neck', 'classify', 'kernel')),
    *norm('BNNecks.bn1d', ('neck', 'norm'), part_vector(parts)),
  ]
