"""Every recipe passes the checks and has the keys of configs/default.py."""

import inspect
import re

import pytest

from selfgait_jax.configs import (
  casiab,
  default,
  gait3d,
  grew,
  oumvlp,
  own,
  synthetic,
)
from selfgait_jax.run import identity
from selfgait_jax.settings import networks, validate

MODULES = (casiab, oumvlp, gait3d, grew, own, synthetic)


def _names(module):
  """Names of the recipes, as the error for an unknown one lists them."""
  with pytest.raises(ValueError, match="found 'grand'") as caught:
    module.get_config('grand')
  return re.search('out of (.+), found', str(caught.value))[1].split(', ')


def _leaves(config):
  for name, value in config.items():
    if hasattr(value, 'items'):
      yield from ((name, leaf) for leaf in value)
    else:
      yield 'config', name


@pytest.mark.parametrize('module', MODULES)
def test_every_recipe_is_possible(module):
  names = _names(module)
  chosen = inspect.signature(module.get_config).parameters['recipe'].default
  assert chosen in names
  for name in names:
    config = module.get_config(name).lock()
    validate.check(config)
    # A recipe changes values and adds no key; networks have different ones.
    expected = default.get_config()
    expected.model = getattr(networks, config.model.name)()
    assert list(_leaves(config)) == list(_leaves(expected))
    for stage in (config[s] for s in identity.STAGES if s in config.stages):
      assert all(0 < fall < stage.steps for fall in stage.milestones), name


def test_only_the_release_has_defects():
  """All of SelfGait's; no recipe has those of OpenGait."""
  switches = set(default.get_config().reference)
  assert switches > set(default.OPENGAIT_DEFECTS)
  of_selfgait = switches - set(default.OPENGAIT_DEFECTS)
  for module in MODULES:
    for name in _names(module):
      reference = module.get_config(name).reference
      found = {switch for switch in reference if reference[switch]}
      assert found == (of_selfgait if name == 'selfgait_release' else set())


@pytest.mark.parametrize('module', MODULES)
def test_docstrings_name_every_recipe(module):
  for name in _names(module):
    assert re.search(rf'\b{name.removesuffix("_laptop")}\b', module.__doc__), (
      name
    )
