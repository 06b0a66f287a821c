"""Files and trees of any content: read as they are, or refused with a reason.

The ordinary suite tries a few, always the same; `-m slow` tries thousands, new
ones each time. Whatever is found goes to `tests/helpers/hostile.py`.
"""

import contextlib
import os
import pathlib
import pickle
import shutil
import struct
import zlib

import cv2
import fabricated
import hostile
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from selfgait_jax import errors
from selfgait_jax.data import datasets
from selfgait_jax.data.prepare import pickles, png, reading, trees

FEW = hypothesis.settings(
  max_examples=50, deadline=5000, derandomize=True, database=None
)
MANY = hypothesis.settings(
  max_examples=2000,
  deadline=5000,
  database=None,
  print_blob=True,
  suppress_health_check=list(hypothesis.HealthCheck),
)

RNG = np.random.default_rng(0)
SMALL = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
PICKLES = [
  *(pickle.dumps(SMALL, protocol) for protocol in range(6)),
  *(pickle.dumps(SMALL.astype(t), 4) for t in (bool, '<f4', '>f8', 'f2', int)),
  pickle.dumps(np.asfortranarray(SMALL), 2),
  pickle.dumps([SMALL]),
  *(make() for make in hostile.PICKLES.values()),
]
PICKLE_WORDS = [
  *(bytes([code]) for code in b'(tR.bNK0123}]uesa\x85\x86\x87\x88\x89\x94\x93'),
  *(b'q\0', b'h\0', b'h\1', b'q\1', b'\x94', b'2\x86', b'J\xff\xff\xff\x7f'),
  b'\x8a\x09' + b'\xff' * 8 + b'\x7f',
  b'I' + 50 * b'9' + b'\n',
  b'cnumpy\ndtype\n',
  b'cnumpy\nndarray\n',
  b'cnumpy.core.multiarray\n_reconstruct\n',
  b'c_codecs\nencode\n',
  b'cos\nsystem\n',
  b'\xff\xff\xff\x7f',
]
PNGS = [
  *(
    hostile.blank_png(5, 7, depth, colour, interlaced)
    for depth, colour in ((1, 0), (8, 0), (16, 0), (8, 2), (8, 4), (8, 6))
    for interlaced in (0, 1)
  ),
  *(
    bytes(cv2.imencode('.png', RNG.integers(256, size=s).astype(t))[1])
    for s in ((9, 6), (9, 6, 3), (9, 6, 4))
    for t in (np.uint8, np.uint16)
  ),
  *(make() for make in hostile.PNGS.values()),
]
PNG_WORDS = [
  b'IHDR', b'PLTE', b'tRNS', b'IDAT', b'IEND', b'acTL', b'fcTL', b'fdAT',
  b'eXIf', b'zTXt', b'iCCP', b'\xf0\0\0\0', b'\0\0\0\0', b'\x7f\xff\xff\xff',
]  # fmt: skip
ACTIONS = ['change', 'insert', 'delete', 'repeat', 'cut']


@st.composite
def mutated(draw, originals, words):
  """A file in which bytes were changed, words put in and parts moved."""
  content = bytearray(draw(st.sampled_from(originals)))
  for _ in range(draw(st.integers(0, 6))):
    place = draw(st.integers(0, len(content)))
    length = draw(st.integers(0, 8))
    action = draw(st.sampled_from(ACTIONS))
    if action == 'change':
      content[place : place + 1] = bytes([draw(st.integers(0, 255))])
    elif action == 'insert':
      content[place:place] = draw(st.sampled_from(words))
    elif action == 'delete':
      del content[place : place + length]
    elif action == 'repeat':
      part = bytes(content[place : place + length])
      content[place:place] = part * draw(st.sampled_from([1, 10, 300]))
    elif draw(st.booleans()):
      del content[place:]
  return bytes(content)


@st.composite
def chunked(draw):
  """A PNG whose chunks have the right lengths and checksums."""
  side = st.integers(0, 70) | st.sampled_from([4096, 4097, 2**31 - 1])
  fields = (
    draw(st.tuples(side, side)),
    draw(
      st.tuples(
        st.sampled_from([1, 2, 4, 8, 16, 3]),
        st.sampled_from([0, 2, 3, 4, 6, 1]),
        st.just(0) | st.integers(0, 1),
        st.just(0) | st.integers(0, 1),
        st.integers(0, 2),
      )
    ),
  )
  head = struct.pack('>IIBBBBB', *fields[0], *fields[1])
  pixels = zlib.compress(draw(st.binary(max_size=300)).ljust(
    draw(st.integers(0, 20_000)), b'\0'
  ))  # fmt: skip
  split = draw(st.integers(0, len(pixels)))
  kinds = [b'IHDR', b'PLTE', b'tRNS', b'IDAT', b'tEXt', b'acTL', b'eXIf']
  extra = st.tuples(st.sampled_from(kinds), st.binary(max_size=40))
  return hostile.png(
    [
      (b'IHDR', head),
      *draw(st.lists(extra, max_size=3)),
      (b'IDAT', pixels[:split]),
      (b'IDAT', pixels[split:]),
      *draw(st.lists(extra, max_size=2)),
      (b'IEND', b''),
    ]
  )


ANY_PICKLE = mutated(PICKLES, PICKLE_WORDS) | st.binary(max_size=200)
ANY_PNG = mutated(PNGS, PNG_WORDS) | chunked() | st.binary(max_size=200)
NAMES = st.sampled_from(
  [b'001', b'nm-01', b'090', b'a.png', b'b.png', b'a.pkl', b'sils-a.pkl',
   b'Silhouette_090-00', b'00001', b'01', b'02', b'train', b'test', b'probe',
   b'gallery', b'gei.png', b'.hidden.png']
) | st.binary(min_size=1, max_size=255)  # fmt: skip
TREES = st.lists(
  st.tuples(st.lists(NAMES, min_size=1, max_size=5), ANY_PICKLE | ANY_PNG),
  max_size=6,
)
GOOD = (
  ([b'001', b'nm-01', b'090', b'a.png'], hostile.blank_png(64, 64)),
  (
    [b'001', b'nm-01', b'000', b'a.pkl'],
    pickle.dumps(fabricated.silhouettes()),
  ),
)


@pytest.fixture(scope='module')
def scratch(tmp_path_factory):
  """A folder; meanwhile one file may take 5 s and 1 GiB."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(reading, '_SECONDS', 5)
    patch.setattr(reading, '_limit_memory', True)
    yield tmp_path_factory.mktemp('fuzz')


def refuse(error):
  """Checks the reason of a refusal."""
  reason = str(error)
  assert reason.isprintable() and len(reason) <= 200
  assert 'too much' not in reason  # the limits are the last resort


def check_pickle(folder, content):
  path = folder / 'a.pkl'
  path.write_bytes(content)
  try:
    with reading.limits():
      found = pickles.read_array(path)
  except reading.Refused as error:
    refuse(error)
    return
  assert isinstance(found, np.ndarray) and found.size
  assert found.dtype.kind in 'buf' and found.nbytes <= len(content)
  # Nothing that gets here can run code.
  with contextlib.suppress(Exception):
    expected = pickle.loads(content)
    np.testing.assert_array_equal(found, expected)


def check_png(folder, content):
  path = folder / 'a.png'
  path.write_bytes(content)
  try:
    with reading.limits():
      found, from_alpha = png.read(path)
  except reading.Refused as error:
    refuse(error)
    return
  assert found.dtype == np.uint8 and found.ndim == 2
  assert max(found.shape) <= png.LARGEST_SIDE
  if not from_alpha:
    whole = np.frombuffer(content, np.uint8)
    expected = cv2.imdecode(whole, cv2.IMREAD_GRAYSCALE)
    if expected is not None and expected.min() < expected.max():
      np.testing.assert_array_equal(found, expected)


def check_tree(folder, entries, facts, format):
  shutil.rmtree(folder / 'tree', ignore_errors=True)
  root = os.fsencode(folder / 'tree')
  for names, content in (*GOOD, *entries):
    path = os.path.join(root, *names)
    with contextlib.suppress(OSError, ValueError):  # no name for a file
      if not os.path.abspath(path).startswith(root):
        continue
      os.makedirs(os.path.dirname(path), exist_ok=True)
      pathlib.Path(os.fsdecode(path)).write_bytes(content)
  try:
    source = trees.open_tree(facts, folder / 'tree', format)
  except errors.UserError as error:
    assert str(error).isprintable()
    return
  keys = []
  for subject in source.subjects():
    assert isinstance(source.stamp(subject), str)
    for sequence in source.sequences(subject):
      for _, reason in sequence.refused:
        refuse(reason)
        assert 'Error: ' not in reason  # no exception that nobody foresaw
      if sequence.frames is not None:
        assert sequence.frames.shape[1:] == (64, 64) and len(sequence.frames)
        keys.append((subject, sequence.condition, sequence.view))
  assert len(set(keys)) == len(keys)
  assert all('/'.join(key).isprintable() for key in keys)


FACTS = st.sampled_from([*datasets.BY_OPTION.values()])
FORMATS = st.sampled_from(['auto', 'png', 'pickle'])


@FEW
@hypothesis.given(ANY_PICKLE)
def test_pickles(scratch, content):
  check_pickle(scratch, content)


@FEW
@hypothesis.given(ANY_PNG)
def test_pngs(scratch, content):
  check_png(scratch, content)


@FEW
@hypothesis.given(TREES, FACTS, FORMATS)
def test_trees(scratch, entries, facts, format):
  check_tree(scratch, entries, facts, format)


@pytest.mark.slow
@MANY
@hypothesis.given(ANY_PICKLE)
def test_many_pickles(scratch, content):
  check_pickle(scratch, content)


@pytest.mark.slow
@MANY
@hypothesis.given(ANY_PNG)
def test_many_pngs(scratch, content):
  check_png(scratch, content)


@pytest.mark.slow
@MANY
@hypothesis.given(TREES, FACTS, FORMATS)
def test_many_trees(scratch, entries, facts, format):
  check_tree(scratch, entries, facts, format)
