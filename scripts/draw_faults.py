"""Draws docs/input.png: a good clip and the faults that `quality` finds."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # runs from a clone, without installation

import numpy as np

import selfgait_jax
from selfgait_jax.clips import sheet
from selfgait_jax.clips.clip import Clip
from selfgait_jax.data.prepare import alignment
from selfgait_jax.data.walkers import walkers

FRAMES = 50


def main():
  walk = walkers.render_sequence('001', 'nm-01', '090', FRAMES, 0)
  noise = np.random.default_rng(0).random(walk.shape) < 0.2
  halves = walk.copy()
  halves[:, 28:36] = 0
  clips = {
    'good': walk,
    'seen for a moment': walk[:14],
    'standing still': walk[:1].repeat(FRAMES, 0),
    'beside the middle': np.roll(walk, 5, axis=2),
    'not aligned': np.pad(walk[:, ::2, ::2], ((0, 0), (16, 16), (16, 16))),
    'cut at the waist': _aligned(walk[:, :34]),
    'a body in pieces': halves,
    'two people': np.concatenate([walk[:, :, 16:48]] * 2, axis=2),
    'noise around': walk | noise * np.uint8(255),
    'black on white': 255 - walk,
  }
  contact = sheet.Sheet()
  for title, frames in clips.items():
    clip = Clip(title, np.ascontiguousarray(frames))
    contact.add(clip, selfgait_jax.quality(clip))
  path = ROOT / 'docs' / 'input.png'
  contact.write(path)
  print(path)


def _aligned(masks):
  """Cut masks as the reader aligns them."""
  return np.stack([alignment.align(np.pad(mask, 2)) for mask in masks])


if __name__ == '__main__':
  main()
