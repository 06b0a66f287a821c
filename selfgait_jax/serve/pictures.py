"""A clip's frames as one picture."""

import cv2
import numpy as np

from selfgait_jax.clips import sheet

WIDTH, HEIGHT = 396, 130  # pixels


def png_of(frames: np.ndarray) -> bytes:
  """Twelve frames of a clip [T, 64, W], evenly spaced, six in a row."""
  row = sheet.row_of(frames, paper=0)
  gap = np.zeros((2, WIDTH), np.uint8)
  both = np.concatenate([row[:, :WIDTH], gap, row[:, WIDTH:]])
  _, content = cv2.imencode('.png', both)
  return content.tobytes()
