"""Wide 3 x 3 convolutions with a quarter of the products, for CPU.

Winograd's form F(4 x 4, 3 x 3) after Lavin and Gray (arXiv:1509.09308): a tile
of 4 x 4 of the result comes of 6 x 6 of the map, by 36 products instead of 144.
Maps and kernels are transformed by sums over rows and columns, and what is left
are 36 products of matrices.

On two CPU devices of one core each (AMD EPYC with AVX-512), with 40 images of
16 x 11 a device: in half of the time of a product of all patches with 256 to
512 channels, in 0.6 to 0.7 for the gradient of the kernel; no gain at 128
channels and less, where the transforms outweigh the products.
"""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.polynomial import polynomial

TILE = 4
# Polynomials are multiplied by their values here and at infinity. Of float32's
# rounding these leave five times less than the usual 0, +-1, +-2 (largest error
# over largest value 2e-6 and 1e-5, 256 channels; a plain convolution 3e-7).
POINTS = (0.0, 0.75, -0.75, 1.5, -1.5)


def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """[N, H, W, C], [3, 3, C, D] -> [N, H, W, D], padded by one."""
  return _convolve(x, _transform(OF_KERNEL, kernel), 'nhwc,cd->nhwd')


def map_gradient(slope: jax.Array, kernel: jax.Array) -> jax.Array:
  """The map's, [N, H, W, C], from that of the result, [N, H, W, D]."""
  turned = [[kernel[2 - i, 2 - j] for j in range(3)] for i in range(3)]
  return _convolve(slope, _transform(OF_KERNEL, turned), 'nhwd,cd->nhwc')


def kernel_gradient(x: jax.Array, slope: jax.Array, groups: int) -> jax.Array:
  """The kernel's, [3, 3, C, D], from the map and the result's gradient.

  Args:
    x: [N, H, W, C].
    slope: [N, H, W, D].
    groups: of images whose sums meet at the end: one a device.
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
  # Rows are put side by side in memory before columns are: XLA makes one slow
  # loop of both at once (28 ms, not 9, for 512 channels).
  down = [
    jnp.stack([_sum(weights, column) for weights in OF_TILE.T], 2)
    for column in zip(*products, strict=True)
  ]
  tiles = jnp.stack([_sum(weights, down) for weights in OF_TILE.T], 4)
  high, wide = TILE * tiles.shape[1], TILE * tiles.shape[3]
  return tiles.reshape(count, high, wide, -1)[:, :rows, :columns]


def _of_map(x):
  """6 x 6 of [N, tiles down, tiles across, C]."""
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
  """6 x 6 of [N, tiles down, tiles across, D]."""
  slope = _padded(slope, 0)
  return _transform(
    OF_TILE,
    [[slope[:, i::TILE, j::TILE] for j in range(TILE)] for i in range(TILE)],
  )


def _padded(x, border):
  """[N, H, W, C] -> whole tiles with a border of zeros."""
  pads = [(border, border + -size % TILE) for size in x.shape[1:3]]
  return jnp.pad(x, ((0, 0), *pads, (0, 0)))


def _transform(matrix, grid):
  """A [m, n] times an n x n grid of arrays times A^T: an m x m grid."""
  size = matrix.shape[1]
  down = [
    [_sum(weights, [grid[i][j] for i in range(size)]) for j in range(size)]
    for weights in matrix
  ]
  return [[_sum(weights, row) for weights in matrix] for row in down]


def _sum(weights, arrays):
  """Without the arrays of weight zero."""
  terms = [
    float(weight) * array
    for weight, array in zip(weights, arrays, strict=True)
    if weight
  ]
  return sum(terms[1:], terms[0])


def _matrices():
  """([6, 6] of a map, [6, 3] of a kernel, [6, 4] of a tile of the result).

  By Toom and Cook: along an axis, result = tile^T ((map d) * (kernel g)).
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
