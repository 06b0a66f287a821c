"""Clips out of folders and files, read when they are asked for."""

import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np

from selfgait_jax import errors
from selfgait_jax.clips import arrays, frames, places
from selfgait_jax.clips.clip import Clip
from selfgait_jax.data.prepare import png, silhouettes
from selfgait_jax.data.prepare.reading import Refused

Path = str | os.PathLike


def read_clips(path: Path | Iterable[Path], align: str = 'auto') -> 'Clips':
  """Opens the clips of a folder or file; each is read when it is asked for.

  A clip is a folder of PNG frames, an array [T, H, W] of a .npy or .npz file,
  or a pickle of one array as OpenGait writes it. A folder may hold folders, to
  any depth. Frames and folders come in order of the numbers in their names:
  2.png before 10.png. Masks are bool, 0 and 1, or 0 to 255, the person white.

  What cannot be used is left out and noted in `Clip.left_out`. A clip of which
  nothing is left has no frames; `quality` refuses it.

  Args:
    path: one, or several.
    align: 'auto' takes frames of 64 x 64 and 64 x 44 as they are and aligns
      other sizes by `data/prepare/alignment.py`; 'always' aligns these too;
      'never' leaves other sizes out.

  Raises:
    UserError: there is no such path, or no clip in it; `align` is unknown.
  """
  if align not in frames.ALIGN:
    raise errors.UserError(
      f'expected align to be one of {", ".join(frames.ALIGN)}, found '
      f'{errors.printable(align)!r}'
    )
  paths = [path] if isinstance(path, (str, os.PathLike)) else list(path)
  if not paths:
    raise errors.UserError('expected at least one path of clips, found none')
  found: list[places.Place] = []
  for one in paths:
    one = os.path.expanduser(os.fspath(one))
    before = len(found)
    found.extend(places.find(one))
    if len(found) == before:
      raise _nothing(one)
  return Clips(found, align)


class Clips(Sequence[Clip]):
  """A sequence of clips that holds their places only, not their frames."""

  def __init__(self, found: Sequence[places.Place], align: str):
    self._places, self._align = found, align

  def __len__(self) -> int:
    return len(self._places)

  @overload
  def __getitem__(self, index: int) -> Clip: ...

  @overload
  def __getitem__(self, index: slice) -> 'Clips': ...

  def __getitem__(self, index):
    if isinstance(index, slice):
      return Clips(self._places[index], self._align)
    with arrays.Archives() as archives:
      return _read(self._places[index], self._align, archives)

  def __iter__(self) -> Iterator[Clip]:
    with arrays.Archives() as archives:
      for place in self._places:
        yield _read(place, self._align, archives)


def _read(place, align, archives):
  """The clip of a place; one without frames if nothing can be read there."""
  refused = place.refused
  if not refused:
    try:
      masks = _masks(place, archives)
      return Clip(place.source, *frames.assemble(masks, align))
    except (Refused, OSError) as error:
      refused = errors.first_line(error)
    except MemoryError:
      refused = 'reading it takes too much memory'
  none = np.zeros((0, 64, 64), np.uint8)
  return Clip(place.source, none, (refused,))


def _masks(place, archives):
  """Yields (name, mask or what is wrong with it) of each frame."""
  if arrays.is_array(place.path) and not os.path.isdir(place.path):
    masks = arrays.read(place.path, place.member, archives)
    yield from ((f'frame {n}', mask) for n, mask in enumerate(masks))
    return
  files = [place.path]
  if os.path.isdir(place.path):
    files = places.frame_files(place.path)
  if len(files) > silhouettes.MOST_FRAMES:
    raise Refused(
      f'{len(files):,} frames, expected at most {silhouettes.MOST_FRAMES:,}'
    )
  for file in files:
    name = errors.printable(os.path.basename(file), 60)
    try:
      yield name, png.read(pathlib.Path(file))[0]
    except Refused as error:
      yield name, str(error)
    except OSError as error:
      yield name, f'cannot be read ({error.strerror})'


def _nothing(path):
  found = sorted(os.listdir(path)) if os.path.isdir(path) else []
  names = ', '.join(errors.printable(name, 50) for name in found[:4])
  more = ', ...' if len(found) > 4 else ''
  return errors.UserError(
    'expected folders of PNG frames or .npy, .npz or .pkl files in '
    f'{errors.printable(path)}, found '
    f'{names + more if found else "an empty folder"}; change the path'
  )
