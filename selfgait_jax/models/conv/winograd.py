"""Wide 3 x 3 convolutions with a quarter of the multiplications, for CPU.

Winograd's form F(4 x 4, 3 x 3) after Lavin and Gray (arXiv:1509.09308): each
4 x 4 tile of the result is computed from 6 x 6 pixels of the map with 36
multiplications instead of 144. Maps and kernels are transformed by weighted
sums over rows and columns; 36 matrix products over the channels remain. With
few channels the transforms cost more than the products save.
"""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.polynomial import polynomial

TILE = 4
# A convolution is a product of polynomials, computed from their values at these
# points and at infinity. These points round less than the usual 0, +-1, +-2.
POINTS = (0.0, 0.75, -0.75, 1.5, -1.5)


def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """Convolution, padded by one: [N, H, W, C], [3, 3, C, D] -> [N, H, W, D]."""
  return _convolve(x, _transform(OF_KERNEL, kernel), 'nhwc,cd->nhwd')


def map_gradient(slope: jax.Array, kernel: jax.Array) -> jax.Array:
  """Gradient of the map [N, H, W, C] from the result's [N, H, W, D]."""
  turned = [[kernel[2 - i, 2 - j] for j in range(3)] for i in range(3)]
  return _convolve(slope, _transform(OF_KERNEL, turned), 'nhwd,cd->nhwc')


def kernel_gradient(x: jax.Array, slope: jax.Array, groups: int) -> jax.Array:
  """Gradient of the kernel, [3, 3, C, D].

  Args:
    x: the map, [N, H, W, C].
    slope: gradient of the result, [N, H, W, D].
    groups: number of groups of images that are summed separately at first; one
      for each device.
  """
  matrix = lambda x: x.reshape(groups, -1, x.shape[-1])
  products = [
    [
      jnp.einsum('gmc,gmd->gcd', matrix(of_map), matrix(of_slope))
      for of_map, of_slope in zip(*row, strict=True)
    ]
    for row in zip(_of_map(x), _of_result(slope), strict=True)
  ]
  found = _transform(OF_KERNEL.T, products)
  return jnp.stack([jnp.stack([x.sum(0) for x in row]) for row in found])


def _convolve(x, kernels, equation):
  count, rows, columns, _ = x.shape
  products = [
    [jnp.einsum(equation, *pair) for pair in zip(*row, strict=True)]
    for row in zip(_of_map(x), kernels, strict=True)
  ]
  # Rows and columns of the tiles are joined one after the other: both at once
  # become one slow loop in XLA.
  down = [
    jnp.stack([_sum(weights, column) for weights in OF_TILE.T], 2)
    for column in zip(*products, strict=True)
  ]
  tiles = jnp.stack([_sum(weights, down) for weights in OF_TILE.T], 4)
  high, wide = TILE * tiles.shape[1], TILE * tiles.shape[3]
  return tiles.reshape(count, high, wide, -1)[:, :rows, :columns]


def _of_map(x):
  """Transforms the map: 6 x 6 arrays [N, tiles down, tiles across, C]."""
  x = _padded(x, 1)
  window = lambda start, size: slice(start, start + size - 2, TILE)
  return _transform(
    OF_MAP,
    [
      [
        x[:, window(i, x.shape[1]), window(j, x.shape[2])]
        for j in range(len(OF_MAP))
      ]
      for i in range(len(OF_MAP))
    ],
  )


def _of_result(slope):
  """Transforms the slope: 6 x 6 arrays [N, tiles down, tiles across, D]."""
  slope = _padded(slope, 0)
  return _transform(
    OF_TILE,
    [[slope[:, i::TILE, j::TILE] for j in range(TILE)] for i in range(TILE)],
  )


def _padded(x, border):
  """Pads [N, H, W, C] with `border` zeros, and to whole tiles."""
  pads = [(border, border + -size % TILE) for size in x.shape[1:3]]
  return jnp.pad(x, ((0, 0), *pads, (0, 0)))


def _transform(matrix, grid):
  """A G A^T for a matrix A [m, n] and an n x n grid G of arrays."""
  size = matrix.shape[1]
  down = [
    [_sum(weights, [grid[i][j] for i in range(size)]) for j in range(size)]
    for weights in matrix
  ]
  return [[_sum(weights, row) for weights in matrix] for row in down]


def _sum(weights, arrays):
  """The weighted sum of arrays, skipping weights of zero."""
  terms = [
    float(weight) * array
    for weight, array in zip(weights, arrays, strict=True)
    if weight
  ]
  return sum(terms[1:], terms[0])


def _matrices():
  """Transforms of the map [6, 6], the kernel [6, 3] and the result [6, 4].

  After Toom and Cook: along one axis, of a map d and a kernel g, the result is
  of_tile^T ((of_map d) * (of_kernel g)).
  """
  size = len(POINTS) + 1
  of_map = np.zeros((size, size))
  of_kernel = np.vander([*POINTS, 0], 3, increasing=True)
  of_tile = np.vander([*POINTS, 0], TILE, increasing=True)
  of_kernel[-1], of_tile[-1] = np.eye(3)[-1], np.eye(TILE)[-1]  # at infinity
  for i, point in enumerate(POINTS):
    others = np.delete(POINTS, i)
    of_map[i, :-1] = polynomial.polyfromroots(others)
    of_kernel[i] /= np.prod(point - others)
  of_map[-1] = polynomial.polyfromroots(POINTS)
  return of_map, of_kernel, of_tile


OF_MAP, OF_KERNEL, OF_TILE = _matrices()
