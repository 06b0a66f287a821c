"""Joins the pieces of a mask into people."""

import dataclasses

import cv2
import numpy as np
from scipy.sparse import csgraph

SMALLEST_HEIGHT = 48  # pixels of a person
NARROWEST, WIDEST = 0.18, 1.0  # width over height of a person
MOST = 100  # pieces of a frame, the largest ones
_SMALLEST_PIECE = 25  # pixels
_GAP = 40  # fragments nearer than this part of the picture's height are joined
_BELOW = 0.1  # of the heights: the gap below a piece with another one under it
_FRAGMENT = 0.15  # of the pixels of a neighbour: joined wherever it lies
_HOLE = 0.04  # of the pixels of a person; a smaller hole is filled
_STACKED = 0.3  # of the lower height: rows that stacked pieces share at most


@dataclasses.dataclass(frozen=True, eq=False)
class Blob:
  """What may be a person, or several who touch.

  Attributes:
    box: int (top, left, bottom, right) in the frame, ends excluded.
    mask: uint8 [H, W] of 0 and 255, the part of the frame in the box.
    pixels: of the mask that are white.
    cut: whether it touches the left or right edge of the frame.
  """

  box: np.ndarray
  mask: np.ndarray
  pixels: int
  cut: bool

  @property
  def height(self) -> int:
    return self.mask.shape[0]

  @property
  def is_person(self) -> bool:
    """Whether it has the proportions of somebody who stands."""
    height, width = self.mask.shape
    return NARROWEST * height <= width <= WIDEST * height


def find(mask: np.ndarray) -> list[Blob]:
  """The blobs of at least `SMALLEST_HEIGHT` in uint8 [H, W] of 0 and 255.

  Pieces are joined that lie above each other, as a head and a body do, and
  fragments to the nearest larger piece. Small holes are filled.
  """
  count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
  sizes = stats[:, cv2.CC_STAT_AREA]
  order = 1 + np.argsort(-sizes[1:])[:MOST]
  order = order[sizes[order] >= _SMALLEST_PIECE]
  if not len(order):
    return []
  left, top, width, height = stats[order, :4].T
  boxes = np.stack([top, left, top + height, left + width], 1)  # [N, 4]
  near = _belong(boxes, sizes[order], mask.shape[0] // _GAP)
  groups, group_of = csgraph.connected_components(near, directed=False)
  blobs = []
  for group in range(groups):
    members = group_of == group
    own = boxes[members]
    box = np.concatenate([own[:, :2].min(0), own[:, 2:].max(0)])
    if box[2] - box[0] < SMALLEST_HEIGHT:
      continue
    part = labels[box[0] : box[2], box[1] : box[3]]
    lookup = np.zeros(count, np.uint8)
    lookup[order[members]] = 255
    cut = box[1] == 0 or box[3] == mask.shape[1]
    whole = _fill(lookup[part], int(sizes[order[members]].sum()))
    blobs.append(Blob(box, whole, cv2.countNonZero(whole), bool(cut)))
  return blobs


def _fill(mask, pixels):
  """Fills holes that are small beside the pixels of a person."""
  outlines, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
  holes = [
    outline
    for outline, (*_, parent) in zip(outlines, tree[0], strict=True)
    if parent >= 0 and cv2.contourArea(outline) < _HOLE * pixels
  ]
  return cv2.drawContours(mask, holes, -1, 255, cv2.FILLED)


def _belong(boxes, sizes, gap):
  """bool [N, N]: pieces of the same person. The largest piece comes first."""
  rows = _shared(boxes[:, 0], boxes[:, 2])
  columns = _shared(boxes[:, 1], boxes[:, 3])
  heights, widths = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
  stacked = (
    (rows < _STACKED * np.minimum.outer(heights, heights))
    & (rows > -np.maximum(gap, _BELOW * np.add.outer(heights, heights)))
    & (columns > np.minimum.outer(widths, widths) / 2)
  )
  # A fragment goes to the nearest of the larger pieces, so that one which lies
  # between two people does not join them.
  away = np.maximum(-np.minimum(rows, columns), 0)
  fragment = (away < gap) & (sizes[:, None] < _FRAGMENT * sizes)
  nearest = np.where(fragment, away, np.inf).argmin(1)
  fragment &= nearest[:, None] == np.arange(len(sizes))
  return stacked | fragment


def _shared(start, end):
  """[N, N]: length that intervals share; below 0 the gap between them."""
  return np.minimum.outer(end, end) - np.maximum.outer(start, start)
