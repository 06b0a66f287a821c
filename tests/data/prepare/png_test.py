"""PNG files: read as OpenCV reads them, at a bounded cost."""

import time
import tracemalloc

import cv2
import hostile
import numpy as np
import pytest

from selfgait_jax.data.prepare import png
from selfgait_jax.data.prepare.reading import Refused

ALL = hostile.PNGS | hostile.LARGE_PNGS


@pytest.mark.parametrize('channels', [1, 3, 4])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_pictures_of_every_kind_are_read(tmp_path, channels, dtype):
  rng = np.random.default_rng(channels)
  shape = (41, 33, channels) if channels > 1 else (41, 33)
  picture = rng.integers(np.iinfo(dtype).max, size=shape, dtype=dtype)
  if channels == 4:
    picture[..., 3] = np.iinfo(dtype).max
  path = tmp_path / 'a.png'
  cv2.imwrite(str(path), picture)
  expected = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
  found, from_alpha = png.read(path)
  np.testing.assert_array_equal(found, expected)
  assert not from_alpha


@pytest.mark.parametrize('interlaced', [0, 1])
@pytest.mark.parametrize(
  ('depth', 'colour'),
  [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 2), (16, 2), (8, 4), (8, 6)],
)
@pytest.mark.parametrize('size', [(1, 1), (3, 5), (64, 44), (17, 9)])
def test_the_number_of_pixels_is_counted_as_decoders_do(
  tmp_path, depth, colour, interlaced, size
):
  path = tmp_path / 'a.png'
  good = hostile.blank_png(*size, depth, colour, interlaced)
  path.write_bytes(good)
  assert png.read(path)[0].shape == size
  for more in (-1, 1):
    path.write_bytes(hostile.blank_png(*size, depth, colour, interlaced, more))
    with pytest.raises(Refused, match='(fewer|more) pixels than its header'):
      png.read(path)


def test_a_picture_that_states_a_monstrous_size_is_refused(tmp_path):
  path = tmp_path / 'a.png'
  path.write_bytes(hostile.png([(b'IHDR', hostile.header(65536, 65536))]))
  with pytest.raises(Refused, match='65536 x 65536'):
    png.read(path)


@pytest.mark.parametrize('name', ALL)
def test_hostile_pngs_cost_neither_time_nor_memory(tmp_path, name):
  path = tmp_path / 'bad.png'
  path.write_bytes(ALL[name]())
  start = time.monotonic()
  tracemalloc.start()
  with pytest.raises(Refused) as raised:
    png.read(path)
  peak = tracemalloc.get_traced_memory()[1]
  tracemalloc.stop()
  assert time.monotonic() - start < 5
  assert peak < 2**28
  assert len(str(raised.value)) <= 200 and str(raised.value).isprintable()
