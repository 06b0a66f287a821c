"""A mask network of the user's own, described by a JSON file beside it."""

import json
import sys
import types

import filmed
import numpy as np
import pytest

from selfgait_jax import errors
from selfgait_jax.data.walkers import film
from selfgait_jax.video import (
  onnx_input,
  onnx_masks,
  people,
  reading,
  segmenters,
)

FRAME = np.zeros((90, 160, 3), np.uint8)
FRAME[20:80, 60:90] = 40, 80, 250  # blue, green, red


class Session:
  """What onnxruntime gives: keeps its input, answers with `answer`."""

  answer = staticmethod(lambda picture: picture[:, :1])
  type, name = 'tensor(float)', 'x'

  def __init__(self, path, providers):
    if not open(path, 'rb').read():
      raise RuntimeError('Protobuf parsing failed\nand more')

  def get_inputs(self):
    return [self]

  def get_outputs(self):
    return [types.SimpleNamespace(name=name) for name in ('first', 'second')]

  def run(self, names, given):
    Session.given, Session.names = given['x'], names
    return [self.answer(given['x'])]


@pytest.fixture
def load(tmp_path, monkeypatch):
  """Writes a network's two files and loads it, with a runtime that is fake."""
  runtime = types.SimpleNamespace(
    InferenceSession=Session, get_available_providers=lambda: ['CPU']
  )
  monkeypatch.setitem(sys.modules, 'onnxruntime', runtime)

  def load(
    description, content=b'a network', answer=None, kind='tensor(float)'
  ):
    (tmp_path / 'a.onnx').write_bytes(content)
    text = (
      description if isinstance(description, str) else json.dumps(description)
    )
    (tmp_path / 'a.json').write_text(text)
    monkeypatch.setattr(Session, 'type', kind)
    if answer:
      monkeypatch.setattr(Session, 'answer', staticmethod(answer))
    return onnx_masks.load(str(tmp_path / 'a.onnx'))

  return load


def test_the_picture_is_as_described(load):
  load({'size': [45, 80]})(FRAME)
  assert Session.given.shape == (1, 3, 45, 80) and Session.names == ['first']
  assert Session.given.dtype == np.float32
  inside = Session.given[0, :, 20, 35]
  np.testing.assert_allclose(inside, np.array([250, 80, 40]) / 255, rtol=1e-5)


def test_layout_colours_and_scale_can_be_others(load):
  given = {
    'size': [90, 160], 'layout': 'NHWC', 'colours': 'BGR', 'mean': [10, 20, 30],
    'deviation': [2, 4, 5.5], 'output': 'second',
  }  # fmt: skip
  load(given, answer=lambda picture: picture[..., :1])(FRAME)
  assert Session.given.shape == (1, 90, 160, 3) and Session.names == ['second']
  np.testing.assert_allclose(Session.given[0, 40, 70], [15, 15, 40], rtol=1e-5)


def test_bytes_stay_bytes(load):
  given = {'size': [90, 160], 'deviation': [1, 1, 1]}
  load(given, kind='tensor(uint8)')(FRAME)
  assert Session.given.dtype == np.uint8
  assert tuple(Session.given[0, :, 40, 70]) == (250, 80, 40)


def scores(picture):
  """Two channels [1, 2, H, W]; the second is higher where it is red."""
  return np.concatenate([0 * picture[:, :1], 8 * picture[:, :1] - 4], 1)


@pytest.mark.parametrize(
  ('more', 'answer'),
  [
    ({}, lambda picture: picture[:, :1]),
    ({}, lambda picture: picture[0, 0]),
    ({}, lambda picture: picture[:, 0]),
    ({'values': 'score', 'person': 1}, scores),
    ({'values': 'score'}, lambda picture: scores(picture)[:, 1:]),
    (
      {'values': 'class', 'person': 15},
      lambda x: (15 * (x[:, 0] > 0.5)).astype(int),
    ),
    (
      {'layout': 'NHWC', 'person': 1},
      lambda picture: np.concatenate([1 - picture, picture], -1)[..., 2:4],
    ),
  ],
  ids=[
    'one channel',
    'no channel',
    'rows',
    'scores',
    'a score',
    'class',
    'NHWC',
  ],
)
def test_every_form_of_output_gives_the_mask(load, more, answer):
  mask = load({'size': [90, 160], **more}, answer=answer)(FRAME)
  assert mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 255}
  np.testing.assert_array_equal(mask > 0, FRAME[..., 2] > 0)


def test_the_threshold_counts(load):
  given = {'size': [90, 160], 'threshold': 0.99}
  assert not load(given)(FRAME).any()  # red is 0.98


@pytest.mark.parametrize(
  'description',
  [
    'no json', '[]', '3', 'null', '{}', '{"size": [0, 4]}', '{"size": [4]}',
    '{"size": [4, 4.5]}', '{"size": [9999, 4]}', '{"size": "44"}',
    '{"size": [4, 4], "colour": "RGB"}', '{"size": [4, 4], "colours": "CMY"}',
    '{"size": [4, 4], "mean": [1, 2]}', '{"size": [4, 4], "mean": [1, 2, NaN]}',
    '{"size": [4, 4], "deviation": [1, 0, 1]}',
    '{"size": [4, 4], "person": -1}',
    '{"size": [4, 4], "person": true}', '{"size": [4, 4], "threshold": 1}',
    '{"size": [4, 4], "output": 3}', '{"size": [4, 4], "layout": ["NCHW"]}',
    '{"size": [4, 4], "mean": [1, 2, 1e999]}', '[' * 9999,
    '{"size": [4, 4], "threshold": 1' + '0' * 400 + '}',
  ],
)  # fmt: skip
def test_a_description_that_makes_no_sense(load, description):
  with pytest.raises(errors.UserError, match='^expected .*docs/video.md'):
    load(description)


@pytest.mark.parametrize(
  ('more', 'answer', 'words'),
  [
    ({'person': 3}, lambda x: x, 'a channel 3'),
    ({}, lambda x: np.zeros((2, 3, 4, 4)), r'found \[2, 3, 4, 4\]'),
    ({}, lambda x: np.zeros(7), r'found \[7\]'),
    ({}, lambda x: 1 / 0, 'division by zero'),
    ({'output': 'third'}, None, 'found first, second'),
  ],
)
def test_a_network_that_does_not_fit(load, more, answer, words):
  with pytest.raises(errors.UserError, match=words):
    load({'size': [45, 80], **more}, answer=answer)(FRAME)


def test_files_that_are_none(load, tmp_path, monkeypatch):
  with pytest.raises(errors.UserError, match='Protobuf parsing failed'):
    load({'size': [4, 4]}, content=b'')
  with pytest.raises(errors.UserError, match='one input of'):
    load({'size': [4, 4]}, kind='tensor(string)')
  (tmp_path / 'a.onnx').unlink()
  with pytest.raises(errors.UserError, match='an ONNX file at'):
    segmenters.make(f'onnx:{tmp_path / "a.onnx"}')
  (tmp_path / 'a.json').unlink()
  with pytest.raises(errors.UserError, match='a JSON file that describes'):
    segmenters.make(f'onnx:{tmp_path / "a.onnx"}')


def test_a_runtime_that_is_missing_is_named(load, monkeypatch):
  monkeypatch.setitem(sys.modules, 'onnxruntime', None)
  with pytest.raises(errors.UserError, match='selfgait_jax.onnx'):
    load({'size': [4, 4]})


def test_a_real_network_finds_the_walker(tmp_path):
  """Who is darker than the wall is a person."""
  onnx = pytest.importorskip('onnx')
  pytest.importorskip('onnxruntime')
  shape = ['n', 3, 180, 320]
  value = onnx.helper.make_tensor_value_info
  kind = onnx.TensorProto.FLOAT
  weights = onnx.numpy_helper.from_array(
    np.full((1, 3, 1, 1), -20, np.float32), 'w'
  )
  bias = onnx.numpy_helper.from_array(np.float32([60 * 115 / 255]), 'b')
  graph = onnx.helper.make_graph(
    [onnx.helper.make_node('Conv', ['x', 'w', 'b'], ['y'])],
    'dark',
    [value('x', kind, shape)],
    [value('y', kind, ['n', 1, 180, 320])],
    [weights, bias],
  )
  opset = onnx.helper.make_opsetid('', 13)
  model = onnx.helper.make_model(graph, ir_version=8, opset_imports=[opset])
  (tmp_path / 'a.onnx').write_bytes(model.SerializeToString())
  description = {'size': [180, 320], 'values': 'score'}
  (tmp_path / 'a.json').write_text(json.dumps(description))
  truth = film.masks('a', 'nm-01', 0)[60:70]
  pictures = np.repeat(film.frames('a', 'nm-01', 0)[60:70, ..., None], 3, 3)
  video = reading.open_video(filmed.write(tmp_path / 'a.mp4', pictures))
  segment = segmenters.make(f'onnx:{tmp_path / "a.onnx"}')(video)
  for frame, mask in zip(video, truth, strict=True):
    found = segment(frame)
    assert len(people.find(found)) == 1
    assert ((found > 0) & mask).sum() / ((found > 0) | mask).sum() > 0.9


def test_the_keys_of_the_documentation_are_those_of_the_code():
  """docs/video.md explains every key."""
  page = (
    reading.pathlib.Path(__file__).parents[2] / 'docs/video.md'
  ).read_text()
  for field in onnx_input.dataclasses.fields(onnx_input.Description):
    assert f'`{field.name}`' in page
