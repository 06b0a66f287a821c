"""What the pictures of a report need beyond `results.json`: one file.

`WORKDIR/figures.npz` has plain arrays under the names of `FORM`; each may be
missing. Frames of real people are in it only if the run was told to show them.
"""

import pathlib
import zipfile
from collections.abc import Mapping

import numpy as np

from selfgait_jax import errors
from selfgait_jax.machine import files

FILE = 'figures.npz'
VERSION = 1
LARGEST = 64 * 2**20  # bytes of all arrays
# Kind of the elements (text, integers, real numbers), and the axes: letters
# stand for lengths, which must agree within a section.
FORM = {
  'version': ('i', ''),
  'groups': ('U', 'G'),
  'titles': ('U', 'G'),
  'run': ('U', ''),
  'size': ('i', '3'),
  'real_people': ('i', ''),
  'distance/edges': ('f', 'E'),
  'distance/genuine': ('i', 'GB'),
  'distance/impostor': ('i', 'GB'),
  'distance/threshold': ('f', 'G'),
  'distance/equal_error': ('f', 'G'),
  'distance/false_accept': ('f', 'R'),
  'distance/false_reject': ('f', 'GR'),
  'reliability/predicted': ('f', 'GB'),
  'reliability/observed': ('f', 'GB'),
  'reliability/weight': ('f', 'GB'),
  'map/pca': ('f', 'N2'),
  'map/tsne': ('f', 'N2'),
  'map/variance': ('f', '2'),
  'map/subjects': ('U', 'N'),
  'map/conditions': ('U', 'N'),
  'map/views': ('U', 'N'),
  'bands/probes': ('i', ''),
  'bands/none': ('f', 'G'),
  'bands/blank': ('f', 'BG'),
  'parts/probes': ('i', ''),
  'parts/bins': ('i', 'L'),
  'parts/all': ('f', 'G'),
  'parts/without': ('f', 'PG'),
  'parts/alone': ('f', 'PG'),
  'confusions/names': ('U', 'C33'),
  'confusions/distances': ('f', 'C2'),
  'confusions/frames': ('u', 'C3FHW'),
  'clips/names': ('U', 'K3'),
  'clips/frames': ('u', 'KFHW'),
}
_KINDS = {'U': 'U', 'i': 'iu', 'f': 'f', 'u': 'u'}


def write(workdir: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
  """Writes `figures.npz`, whole or not at all."""
  with files.whole(workdir / FILE) as partial, open(partial, 'wb') as stream:
    np.savez_compressed(stream, version=VERSION, **arrays)


def read(workdir: pathlib.Path) -> dict[str, np.ndarray]:
  """The arrays of `figures.npz`; {} if there is no such file.

  A section ('distance', 'map', ...) of another form is left out whole.

  Raises:
    errors.UserError: the file is damaged or of another version.
  """
  path = workdir / FILE
  try:
    with zipfile.ZipFile(path) as archive:
      if sum(one.file_size for one in archive.infolist()) > LARGEST:
        raise ValueError(f'more than {LARGEST} bytes')
    with np.load(path, allow_pickle=False) as stored:
      found = {name: stored[name] for name in FORM if name in stored}
    version = found.get('version')
  except FileNotFoundError:
    return {}
  except Exception as error:  # of many types, if the file is damaged
    raise errors.UserError(
      f'expected pictures in {errors.printable(path)}, found a damaged file '
      f'({errors.first_line(error, 80)}); run the stage `evaluate` again'
    ) from error
  if version is None or version.shape or version != VERSION:
    raise errors.UserError(
      f'expected version {VERSION} of {errors.printable(path)}, found another; '
      'run the stage `evaluate` again'
    )
  return _of_right_form(found)


def _of_right_form(found):
  lengths, bad = {}, set()  # lengths of axes by (section, letter)
  section = lambda name: name.split('/')[0] if '/' in name else ''
  for name, array in found.items():
    kinds, axes = FORM[name]
    fits = array.dtype.kind in _KINDS[kinds] and array.ndim == len(axes)
    for axis, length in zip(axes, array.shape, strict=False):
      # All sections have the same groups.
      key = ('' if axis == 'G' else section(name)), axis
      wanted = int(axis) if axis.isdigit() else lengths.setdefault(key, length)
      fits = fits and length == wanted
    if not fits:
      bad.add(section(name))
  return {n: array for n, array in found.items() if section(n) not in bad}
