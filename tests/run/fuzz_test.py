"""Readers of a run's own JSON on random content: values, or one kind of error.

config.json, metrics.jsonl and the manifests of checkpoints.
"""

import json
import pathlib
import re
import tempfile

import pytest

from selfgait_jax import errors
from selfgait_jax.configs import synthetic
from selfgait_jax.machine import files
from selfgait_jax.run import manifests, metrics, workspace

hypothesis = pytest.importorskip('hypothesis')
st = hypothesis.strategies

CONFIG = synthetic.get_config('smoke')
MANIFEST = manifests.make_manifest(CONFIG, 'pretrain') | {'step': 4}
LINE = {'step': 1, 'loss': 0.5, 'eta_seconds': 3}
RECORD = {'config': {'seed': 0}, 'config_hash': '0123456789ab'}
HOSTILE = [b'[' * 100_000, b'{"a":' * 100_000, b'9' * 5000, b'\xff\xfe{', b'']

values = st.recursive(
  st.none()
  | st.booleans()
  | st.integers(-(10**400), 10**400)
  | st.floats()
  | st.text(max_size=9),
  lambda inner: (
    st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=9), inner, max_size=4)
  ),
  max_leaves=9,
)


@st.composite
def changed(draw, original):
  """JSON of the original with values replaced, or with bytes damaged."""
  if draw(st.integers(0, 9)) == 0:
    return draw(st.sampled_from(HOSTILE) | st.binary(max_size=99))
  content = json.loads(json.dumps(original))
  for _ in range(draw(st.integers(0, 3))):
    place = content
    while True:
      name = draw(st.sampled_from(sorted(place)))
      if not isinstance(place[name], dict) or draw(st.booleans()):
        break
      place = place[name]
      if not place:
        break
    else:
      continue
    if place and draw(st.booleans()):
      place[name] = draw(values)
    else:
      place.pop(name, None)
    if not content:
      break
  text = bytearray(json.dumps(content).encode())
  for _ in range(draw(st.integers(0, 2))):
    place = draw(st.integers(0, len(text) - 1))
    text[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    text = text or bytearray(b'{}')
  return bytes(text)


def _check_record(content):
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / 'config.json'
    path.write_bytes(content)
    found = workspace._recorded_hash(path)
  assert found is None or re.fullmatch('[0-9a-f]{12}', found)


def _check_log(content):
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / 'metrics.jsonl'
    path.write_bytes(content + b'\n{"step": 2, "loss": 1.5}\n')
    curves = metrics.read_curves(path.parent)
  assert (2, 1.5) in curves['loss'] or b'"step": 2' in content
  for curve in curves.values():
    for step, value in curve:
      assert step >= 0 and isinstance(float(value), float)


def _check_manifest(content):
  try:
    manifest = files.parse_json(content)
    manifests.check_form(manifest)
  except ValueError:
    return
  later = manifests.with_history(MANIFEST, manifest, manifest.get('step', 0))
  manifests.check_form(json.loads(json.dumps(later)))
  try:
    manifests.check_model(manifest, CONFIG, 'somewhere')
    manifests.check_optimizer(manifest)
  except errors.UserError as error:
    assert str(error).isprintable()


CHECKS = {
  'record': (RECORD, _check_record),
  'log': (LINE, _check_log),
  'manifest': (MANIFEST, _check_manifest),
}


def _fuzz(kind, examples):
  original, check = CHECKS[kind]

  @hypothesis.settings(
    max_examples=examples,
    deadline=5000,  # ms
    database=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
  )
  @hypothesis.given(changed(original))
  def run(content):
    check(content)

  run()


@pytest.mark.parametrize('kind', CHECKS)
def test_fuzz(kind):
  _fuzz(kind, 50)


@pytest.mark.slow
@pytest.mark.parametrize('kind', CHECKS)
def test_fuzz_at_length(kind):
  _fuzz(kind, 2000)
