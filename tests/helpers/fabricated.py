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


def gait3d_keys():
  """Four training and four test subjects of Gait3D; the last has one mate."""
  return [
    (subject, f'camid{camera}_videoid{2 + camera % 3}', f'seq{sequence}')
    for number, subject in enumerate(
      ('0000', '0001', '0624', '3999', '0002', '0007', '0011', '3064')
    )
    for camera, sequence in ((number, 0), (number, 1), (30 + number, 0))
  ]


def gait3d_partition():
  """The form of OpenGait's Gait3D.json; a probe for each test subject."""
  keys = gait3d_keys()
  return {
    'PROBE_SET': ['-'.join(key) for key in keys[12::3]],
    'TEST_SET': [key[0] for key in keys[12::3]],
    'TRAIN_SET': ['3999', '0001', '0624', '0000'],
  }


def grew_keys():
  """Four training and three test subjects of GREW and five probes."""
  train = [
    (f'{n:05d}train', '00', view)
    for n in (1, 2, 19_999, 20_000)
    for view in (f'4XPn5Z2{n % 9}', f'5TXe8sv{n % 7}', f'aB{n}')
  ]
  gallery = [
    # As a disk lists them: 01 need not be the first by name.
    (f'{n:05d}', condition, view)
    for n in (1, 2, 6000)
    for condition, view in (('01', f't16VLaQ{n}'), ('02', f'79XJefi{n}'))
  ]
  probes = [('probe', '03', f'etaGVn{n}') for n in range(5)]
  return train + gallery + probes
