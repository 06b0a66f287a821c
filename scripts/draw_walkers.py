"""Draws docs/walkers.gif: walkers and the names that a gallery gives them.

Six walkers are enrolled as in the README. Others of their walks cross the
picture, and each gets the name that the search finds once it has been seen.
"""

import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # runs from a clone, without installation

from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

import selfgait_jax
from selfgait_jax.cli.walkers import VIEWS
from selfgait_jax.data.walkers import walkers

SEED = 1  # that of `selfgait walkers`
ENROLLED = ('nm-01', 'nm-02', 'nm-03', 'nm-04')
SEARCHED = {
  'walker-01': ('nm-05', ''),
  'walker-02': ('bg-01', 'with a bag'),
  'walker-03': ('nm-06', ''),
  'walker-04': ('cl-01', 'in a coat'),
  'walker-05': ('nm-05', ''),
  'walker-06': ('bg-02', 'with a bag'),
}
SIZE = 680, 204  # pixels
STATURE = 120  # pixels
FLOOR = 178  # row of the soles
SPACING = 140  # pixels between two walkers
STEP = 6  # pixels a picture; two frames pass
LOOP = len(SEARCHED) * SPACING  # pixels until all start anew
WAIT = 24  # pictures that a walker is seen before it is named
GROUND, BODY, DIM = (24, 32, 44), (236, 240, 245), (140, 152, 168)
RIGHT, WRONG = (96, 205, 150), (240, 120, 90)
EDGE = 130, 136, 145  # between ground and body
COLOURS = GROUND, BODY, EDGE, DIM, RIGHT, WRONG  # few: a small file


def main():
  pictures = round(LOOP / STEP)
  clips = {
    name: walkers.render_sequence(name, walk, '090', 2 * pictures, SEED)
    for name, (walk, _) in SEARCHED.items()
  }
  found = _search({name: clip[: 2 * WAIT] for name, clip in clips.items()})
  film = [_picture(number, clips, found) for number in range(pictures)]
  palette = Image.new('P', (1, 1))
  palette.putpalette([level for colour in COLOURS for level in colour])
  film = [one.quantize(palette=palette, dither=0) for one in film]
  path = ROOT / 'docs' / 'walkers.gif'
  film[0].save(path, save_all=True, append_images=film[1:], duration=80, loop=0)
  print(f'{path}, {path.stat().st_size / 1e6:.2f} MB')


def _search(clips):
  """The nearest person of each clip: {name: name that is found}."""
  embedder = selfgait_jax.load_embedder('walkers')
  with (
    tempfile.TemporaryDirectory() as folder,
    selfgait_jax.Gallery.open(f'{folder}/people.gallery', embedder) as gallery,
  ):
    for name in clips:
      for walk in ENROLLED:
        views = walkers.render_walk(name, walk, 40, SEED)
        own = [views[walkers.VIEWS.index(view)] for view in VIEWS]
        gallery.enrol(name, own)
    matches = gallery.search(list(clips.values()), k=1)
  return {
    name: match[0].name for name, match in zip(clips, matches, strict=True)
  }


def _picture(number, clips, found):
  image = Image.new('RGB', SIZE, GROUND)
  draw = ImageDraw.Draw(image)
  draw.line((0, FLOOR + 1, SIZE[0], FLOOR + 1), DIM)
  for place, (name, clip) in enumerate(clips.items()):
    walked = (number * STEP - place * SPACING) % LOOP
    left = SIZE[0] - walked
    frame = clip[2 * int(walked // STEP)]
    body = Image.fromarray(frame).resize((STATURE, STATURE))
    image.paste(BODY, (round(left), FLOOR - STATURE), body)
    middle = left + STATURE / 2
    named = walked > WAIT * STEP
    colour = RIGHT if found[name] == name else WRONG
    label, colour = (found[name], colour) if named else ('?', DIM)
    draw.text((middle, 30), label, colour, _font(17), anchor='mm')
    draw.text((middle, 191), SEARCHED[name][1], DIM, _font(13), anchor='mm')
  return image


def _font(size):
  return ImageFont.truetype(font_manager.findfont('DejaVu Sans'), size)


if __name__ == '__main__':
  main()
