"""Renders synthetic walkers, to try every other command without data.

  selfgait walkers --people=6 --out=walkers

makes `walkers/<name>/<condition>/<view>/<frame>.png`, 64 x 64 silhouettes of
walks in normal clothes (nm), with a bag (bg) and in a coat (cl), and
`walkers/crossing.mp4`, a film of the first walker from the side.
"""

import argparse
import pathlib

import cv2

from selfgait_jax import errors
from selfgait_jax.data.walkers import film, walkers
from selfgait_jax.machine import progress

VIEWS = ('054', '090', '126')
LARGEST = 999


def options(parser: argparse.ArgumentParser) -> None:
  parser.add_argument('--people', type=int, default=6, help='how many walkers')
  parser.add_argument('--frames', type=int, default=40, help='of each clip')
  parser.add_argument('--seed', type=int, default=1, help='other walkers')
  parser.add_argument('--out', required=True, help='a new or empty folder')


def run(options: argparse.Namespace) -> None:
  _check(options)
  folder = _new_folder(options.out)
  names = [f'walker-{n:02d}' for n in range(1, options.people + 1)]
  total = len(names) * len(walkers.CONDITIONS)
  counter = progress.Counter(total, 'walks')
  for name in names:
    for condition in walkers.CONDITIONS:
      views = walkers.render_walk(name, condition, options.frames, options.seed)
      for view in VIEWS:
        frames = views[walkers.VIEWS.index(view)]
        _write_clip(folder / name / condition / view, frames)
      if line := counter.add():
        print(line, flush=True)
  frames = film.frames(names[0], 'nm-01', options.seed)
  film.write(folder / 'crossing.mp4', frames)
  print(
    f'{len(names)} walkers, {total * len(VIEWS)} clips of {options.frames} '
    f'frames and a film in {errors.printable(folder)}'
  )


def _check(options):
  for name, value, most in (
    ('people', options.people, LARGEST),
    ('frames', options.frames, LARGEST),
    ('seed', options.seed, 2**32 - 1),
  ):
    if not 1 <= value <= most:
      raise errors.UserError(
        f'expected --{name} from 1 to {most}, found {value}; change --{name}'
      )


def _new_folder(out):
  folder = pathlib.Path(out)
  try:
    folder.mkdir(parents=True, exist_ok=True)
    empty = not any(folder.iterdir())
  except OSError as error:
    raise errors.UserError(
      f'expected a folder that can be written, found {error}; change --out'
    ) from error
  if not empty:
    raise errors.UserError(
      f'expected a new or empty folder, found files in {folder}; change --out'
    )
  return folder


def _write_clip(folder, frames):
  folder.mkdir(parents=True)
  for number, frame in enumerate(frames):
    _, png = cv2.imencode('.png', frame)
    (folder / f'{number:03d}.png').write_bytes(png.tobytes())
