"""Draws docs/label_free.png: what clothes change, on synthetic walkers."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # runs from a clone, without installation

import jax
import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np

from selfgait_jax.data.walkers import walkers
from selfgait_jax.train import augment

PEOPLE = ('001', '002')
CONDITIONS = {'nm-01': 'plain', 'bg-01': 'bag', 'cl-01': 'coat'}
VIEWS = ('090', '054')
FRAMES = 24
HEAD, KNEES = 8, 52  # rows of 64 between which clothes change the outline
KEPT = '#009e73'


def main():
  columns = len(CONDITIONS) + 1
  figure, axes = plt.subplots(
    len(PEOPLE), 2 * columns, figsize=(11, 4.1), dpi=130, layout='constrained'
  )
  for row, person in enumerate(PEOPLE):
    for side, view in enumerate(VIEWS):
      images = [_image(person, name, view) for name in CONDITIONS]
      titles = list(CONDITIONS.values())
      images.append(_dressed(person, view))
      titles.append('plain, dressed\nby us')
      for number, (image, title) in enumerate(zip(images, titles, strict=True)):
        ax = axes[row, side * columns + number]
        ax.imshow(image[:, 10:54], 'gray', vmin=0, vmax=1)
        for edge in (HEAD, KNEES):
          ax.axhline(edge - 0.5, color=KEPT, linewidth=1)
        ax.set(xticks=[], yticks=[])
        if not row:
          ax.set_title(title, fontsize=8)
        if not number:
          ax.set_ylabel(f'walker {person}, {int(view)}°', fontsize=8)
  path = ROOT / 'docs' / 'label_free.png'
  figure.savefig(path)
  print(path)


def _image(person, condition, view):
  """The energy image of a walk, float [64, 64]."""
  clip = walkers.render_sequence(person, condition, view, FRAMES, 0)
  return clip.mean(axis=0) / 255


def _dressed(person, view):
  """The same walk in the clothes that are drawn to find the parts to trust."""
  clip = walkers.render_sequence(person, 'nm-01', view, FRAMES, 0)
  both = augment.dress(np.stack([clip, clip]), jax.random.key(int(person)))
  return np.asarray(both)[1].mean(axis=0) / 255


if __name__ == '__main__':
  main()
