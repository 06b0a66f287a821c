"""Small state dicts of every kind of network that can be imported."""

import golden_weights
import ml_collections
import numpy as np
from flax import traverse_util

from selfgait_jax.convert import difference, recognise, sections
from selfgait_jax.models import factory
from selfgait_jax.settings import networks

_RESIDUAL = dict(widths=(2, 4, 4, 6), bins=(4,), embedding_dim=6, classes=5)
_CLIPS = _RESIDUAL | dict(layers=(1, 2, 1, 1), bins=(16,), embedding_dim=4)
# {case: (kind, settings that differ from settings/networks.py)}.
CASES = {
  'selfgait': (
    'selfgait',
    dict(widths=(4, 8, 8), bins=(1, 2, 4), embedding_dim=8)
    | dict(projector_hidden=6, projector_dim=8),
  ),
  'gaitset': ('gaitset', dict(widths=(2, 4, 6), bins=(4, 2, 1))),
  'gaitset_original': (
    'gaitset_original',
    dict(widths=(2, 4, 6), bins=(4, 2, 1), embedding_dim=10),
  ),
  'gaitpart': ('gaitpart', dict(widths=(4, 8, 8), bins=(8,))),
  'gaitpart_large': (
    'gaitpart',
    dict(widths=(4, 4, 8, 8), halvings=(0, 0, 3, 3)),
  ),
  'gaitgl': ('gaitgl', dict(widths=(2, 3, 4), classes=5)),
  'gaitgl_large': (
    'gaitgl',
    dict(widths=(2, 3, 4, 5), halving=1, neck=True, classes=5),
  ),
  'gaitbase': ('gaitbase', _RESIDUAL),
  'deepgaitv2_2d': ('deepgaitv2', _CLIPS | {'mode': '2d'}),
  'deepgaitv2_3d': ('deepgaitv2', _CLIPS | {'mode': '3d'}),
  'deepgaitv2_p3d': ('deepgaitv2', _CLIPS | {'mode': 'p3d'}),
  'gaitssb_pretrain': (
    'gaitssb',
    dict(widths=(2, 4, 4, 6), bins=(2, 1), embedding_dim=6),
  ),
  'gaitssb_finetune': (
    'gaitssb',
    dict(widths=(2, 4, 4, 6), bins=(2, 1), embedding_dim=6, head='linear'),
  ),
}
# Settings that no tensor tells.
TOLD = ('bins', 'halvings')


def make(case: str, seed: int = 0):
  """Returns (kind, section, table, {key: array}) of a case.

  Keys are those of the table; `original` gives those of the file.
  """
  kind, settings = CASES[case]
  section = getattr(networks, recognise.KINDS[kind].model)()
  section.update(settings)
  rules = sections.TABLES[kind].rules(section)
  model = factory.make_model(ml_collections.ConfigDict(section))
  shapes = difference.expected_shapes(rules, model, 44)
  tensors = {
    rule.key: golden_weights.draw(
      rule.key, shapes.get(rule.key, rule.dead_shape), seed
    )
    for rule in rules
  }
  return kind, section.to_dict(), rules, tensors


def options(case: str) -> list[str]:
  """Returns the options that the command needs to convert the case."""
  settings = CASES[case][1]
  return [
    f'--setting={name}={settings[name]}' for name in TOLD if name in settings
  ]


def original(kind: str, tensors: dict) -> dict:
  """Returns the tensors under the keys that the original program writes."""
  if kind == 'gaitset_original':
    return {f'module.{key}': tensor for key, tensor in tensors.items()}
  if kind == 'selfgait':
    name = lambda key: key.replace('_state_dict.', '_state_dict.module.')
    return {name(key): tensor for key, tensor in tensors.items()}
  return tensors


def assert_same(found, expected):
  """Asserts that two trees have the same keys, dtypes and values."""
  found, expected = (
    traverse_util.flatten_dict(dict(tree)) for tree in (found, expected)
  )
  assert set(found) == set(expected)
  for key, value in expected.items():
    actual = np.asarray(found[key])
    assert actual.dtype == value.dtype, key
    np.testing.assert_array_equal(actual, value, err_msg=str(key))
