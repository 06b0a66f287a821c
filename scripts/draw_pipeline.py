"""Draws docs/pipeline.png, SelfGait at a glance, with synthetic walkers."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # runs from a clone, without installation

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np

from selfgait_jax.data.walkers import walkers

ONLINE, TARGET, LINE = '#0072b2', '#d55e00', '#444444'


def main():
  figure = plt.figure(figsize=(11, 3.6), dpi=130)
  axes = figure.add_axes((0, 0, 1, 1))
  axes.set(xlim=(0, 110), ylim=(0, 36))
  axes.axis('off')
  _strip(axes, '090', (0.5, 21.5))
  _strip(axes, '054', (0.5, 5.5))
  axes.text(9, 31.6, 'clip 1', ha='center', fontsize=9)
  axes.text(9, 15.6, 'clip 2', ha='center', fontsize=9)
  top = ['set encoder\n(each frame)', 'horizontal\npyramid', 'micro-motion']
  top += ['max over\ntime', 'linear map\nper part', 'projector', 'predictor']
  bottom = [*top[:2], '', *top[3:6]]
  _row(axes, top, 26, ONLINE)
  _row(axes, bottom, 10, TARGET)
  for x in (24.6, 80.6):
    axes.annotate(
      '', (x, 13.2), (x, 22.8), arrowprops={'arrowstyle': '->', 'color': LINE}
    )
  axes.text(50.5, 18, 'moving average of the weights', ha='center', fontsize=9)
  axes.text(69.4, 32.6, 'gait embedding [P, D]', ha='center', fontsize=9)
  axes.annotate('', (69.4, 32), (69.4, 29), arrowprops={'arrowstyle': '->'})
  axes.text(96, 17.6, 'agree?', ha='left', fontsize=11, weight='bold')
  for start in ((95, 23), (85.4, 10)):
    axes.annotate(
      '', (98, 19.4 if start[1] > 20 else 17), start,
      arrowprops={'arrowstyle': '->', 'color': LINE},
    )  # fmt: skip
  axes.text(20.5, 33.4, 'online', color=ONLINE, fontsize=10, weight='bold')
  axes.text(20.5, 3.2, 'target', color=TARGET, fontsize=10, weight='bold')
  path = ROOT / 'docs' / 'pipeline.png'
  figure.savefig(path)
  print(path)


def _strip(axes, view, corner):
  """Four frames side by side."""
  clip = walkers.render_sequence('001', 'nm-01', view, 16, 0)[::4]
  picture = np.concatenate([frame[:, 10:54] for frame in clip], 1)
  x, y = corner
  axes.imshow(picture, 'gray', extent=(x, x + 17, y, y + 9.5), aspect='auto')


def _row(axes, titles, y, colour):
  """Boxes from left to right, an arrow into each."""
  x = 20.0
  previous = 18.0
  for title in titles:
    if title:
      axes.annotate('', (x, y), (previous, y), arrowprops={'arrowstyle': '->'})
      box = plt.Rectangle((x, y - 3), 9.2, 6, fc='white', ec=colour, lw=1.6)
      axes.add_patch(box)
      axes.text(x + 4.6, y, title, ha='center', va='center', fontsize=7.5)
      previous = x + 9.2
    x += 11.2


if __name__ == '__main__':
  main()
