"""Small made-up silhouette trees for the tests of data preparation."""

import pickle

import cv2
import numpy as np


def silhouettes(frames=3, seed=0, width=64):
  """A blob that wanders, uint8 [T, 64, width] with grey edges."""
  rng = np.random.default_rng(seed)
  clip = np.zeros((frames, 64, width), np.uint8)
  for frame in clip:
    left = rng.integers(10, width - 20)
    frame[:, left : left + 10] = 255
    frame[:, left - 1] = rng.integers(1, 255)
  return clip


def write_pickle(folder, array, **options):
  folder.mkdir(parents=True, exist_ok=True)
  path = folder / f'{folder.name}.pkl'
  path.write_bytes(pickle.dumps(array, **options))
  return path


def write_pngs(folder, frames):
  folder.mkdir(parents=True, exist_ok=True)
  paths = [folder / f'{folder.name}-{i:03d}.png' for i in range(len(frames))]
  for path, frame in zip(paths, frames, strict=True):
    cv2.imwrite(str(path), frame)
  return paths


def pickle_tree(root, keys):
  """Writes a pickle for every (subject, condition, view); returns the clips."""
  clips = {}
  for seed, key in enumerate(keys):
    clips[key] = silhouettes(frames=2 + seed % 4, seed=seed)
    write_pickle(root.joinpath(*key), clips[key])
  return clips
