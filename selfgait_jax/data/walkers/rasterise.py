"""Silhouettes from tapered capsules; a row of 64 pixels is one uint64.

A capsule is the convex hull of two discs. Its left and right end in a pixel row
have a closed form, so drawing one takes two shifts and an `or` for each row.
"""

import numpy as np

SIZE = 64  # rows and columns of a silhouette
CHUNK = 32  # frames drawn together; their arrays fit into the cache
ALL = np.uint64(2**64 - 1)


def draw(start, end) -> np.ndarray:
  """Fills capsules; a frame is the union of its capsules.

  Args:
    start: (x, y, radius) of one disc of each capsule, each float32 [F, C], in
      pixels; the first row and column begin at 0. A capsule is not drawn if
      both of its radii are 0 or less.
    end: (x, y, radius) of the other disc.

  Returns:
    uint64 [F, 64]: bit j of row i is the pixel in row i and column j.
  """
  rows = np.empty((len(start[0]), SIZE), np.uint64)
  for first in range(0, len(rows), CHUNK):
    part = slice(first, first + CHUNK)
    left, right = _extents(
      [a[part, :, None] for a in start], [a[part, :, None] for a in end]
    )
    # Pixel j is inside if its centre, j + 0.5, is. An empty row is (nan, nan).
    left = np.clip(np.fmin(np.ceil(left - 0.5), SIZE), 0, SIZE - 1)
    right = np.clip(np.fmax(np.floor(right - 0.5), -1), 0, SIZE - 1)
    low = ALL << left.astype(np.uint64)
    high = ALL >> (SIZE - 1 - right).astype(np.uint64)
    rows[part] = np.bitwise_or.reduce(low & high, axis=1)
  return rows


def centre(rows) -> np.ndarray:
  """Shifts each frame, uint64 [F, 64], so that its middle is column 32.

  The middle is the first column at which the cumulative sum exceeds half of
  the total, as in OpenGait's `pretreatment.py`.
  """
  mass = unpack(rows).sum(1, dtype=np.int32).cumsum(1)  # [F, 64]
  middle = (mass > mass[:, -1:] / 2).argmax(1)
  shift = (SIZE // 2 - middle)[:, None]
  right = np.maximum(shift, 0).astype(np.uint64)
  left = np.maximum(-shift, 0).astype(np.uint64)
  return (rows << right) >> left


def roughen(rows, changed, grown, protected) -> np.ndarray:
  """Makes the outline ragged by one pixel.

  Args:
    rows: uint64 [F, 64].
    changed: uint64 [F, 64], set where the outline may move.
    grown: uint64 [F, 64], set where it moves outward, not set where inward.
    protected: bool [64], rows that do not change.
  """
  changed = np.where(protected, np.uint64(0), changed)
  right, left = rows << np.uint64(1), rows >> np.uint64(1)
  moved = ((rows | right | left) & grown) | (rows & right & left & ~grown)
  return (rows & ~changed) | (moved & changed)


def unpack(rows) -> np.ndarray:
  """uint64 [F, 64] to uint8 [F, 64, 64] of 0 and 1."""
  octets = rows.astype('<u8', copy=False).view(np.uint8)
  bits = np.unpackbits(octets, bitorder='little')
  return bits.reshape(len(rows), SIZE, SIZE)


def _extents(start, end):
  """Left and right end of each capsule in each row, [F, C, 64]; nan outside."""
  x0, y0, r0 = start
  x1, y1, r1 = end
  length = np.maximum(np.sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2), 1e-6)
  along_x, along_y = (x1 - x0) / length, (y1 - y0) / length
  # `sine` is the component along the axis of the normal of the common tangents.
  # It is clipped where one disc contains the other: there the "tangents" lie
  # inside the larger disc and add nothing.
  sine = np.clip((r0 - r1) / length, -1, 1)
  cosine = np.sqrt(1 - sine * sine)

  y = np.arange(SIZE, dtype=np.float32) + np.float32(0.5)
  with np.errstate(invalid='ignore'):  # nan in rows that miss the disc
    half0 = np.sqrt(np.where(r0 > 0, r0 * r0, -1) - (y - y0) ** 2)
    half1 = np.sqrt(np.where(r1 > 0, r1 * r1, -1) - (y - y1) ** 2)
  left = np.fmin(x0 - half0, x1 - half1)
  right = np.fmax(x0 + half0, x1 + half1)
  for side in (np.float32(-1), np.float32(1)):
    normal_x = along_x * sine - side * along_y * cosine
    normal_y = along_y * sine + side * along_x * cosine
    foot_x, foot_y = x0 + r0 * normal_x, y0 + r0 * normal_y
    rise = y1 + r1 * normal_y - foot_y
    rise = np.where(np.abs(rise) < 1e-6, np.float32(1e-6), rise)
    share = (y - foot_y) / rise  # position along the tangent, 0 to 1
    edge = foot_x + share * (x1 + r1 * normal_x - foot_x)
    touched = (np.abs(share - 0.5) <= 0.5) & (np.maximum(r0, r1) > 0)
    edge = np.where(touched, edge, np.float32(np.nan))
    left = np.fmin(left, edge)
    right = np.fmax(right, edge)
  return left, right
