"""Every setting is read, every recipe is possible, nothing unknown is asked."""

import ast
import dataclasses
import inspect
import pathlib
import re

import pytest

from configs import casiab, default, gait3d, grew, oumvlp, synthetic
from selfgait_jax import errors
from selfgait_jax.models import factory
from selfgait_jax.run import identity
from selfgait_jax.settings import networks, validate

PACKAGE = pathlib.Path(validate.__file__).parent
MODULES = (casiab, oumvlp, gait3d, grew, synthetic)
# What functions call a section, besides its own name.
ALIASES = {
  'augment': {'settings'},
  'eval': {'evaluation'},
  **dict.fromkeys(identity.STAGES, {'stage'}),
}
# What a ConfigDict, or its dictionary, offers besides keys.
METHODS = {
  'copy_and_resolve_references',
  'get',
  'pop',
  'to_dict',
  'to_json_best_effort',
  'unlocked',
}


def _recipes(module):
  """Names of the recipes, as the error for an unknown one lists them."""
  with pytest.raises(ValueError, match="found 'grand'") as caught:
    module.get_config('grand')
  return re.search('out of (.+), found', str(caught.value))[1].split(', ')


@pytest.mark.parametrize('module', MODULES)
def test_every_recipe_is_possible(module):
  names = _recipes(module)
  chosen = inspect.signature(module.get_config).parameters['recipe'].default
  assert chosen in names
  for name in names:
    config = module.get_config(name).lock()
    validate.check(config)
    # A delta changes values and never adds a key; the network is a choice.
    expected = default.get_config()
    expected.model = getattr(networks, config.model.name)()
    assert list(_leaves(config)) == list(_leaves(expected))
    for stage in (config[s] for s in identity.STAGES if s in config.stages):
      assert all(0 < fall < stage.steps for fall in stage.milestones), name


@pytest.mark.parametrize('name', factory.MODELS)
def test_a_network_reads_each_of_its_settings(name):
  config = getattr(networks, name)()
  assert config.name == name
  network = factory.make_model(config)
  assert set(config) - {'name', 'crop_width'} == {
    field.name for field in dataclasses.fields(network)
  } - {'parent', 'name'}


def test_the_release_is_the_one_recipe_with_its_defects():
  """All of SelfGait's; those of OpenGait are in nobody's recipe."""
  switches = set(default.get_config().reference)
  assert switches > set(default.OPENGAIT_DEFECTS)
  of_selfgait = switches - set(default.OPENGAIT_DEFECTS)
  for module in MODULES:
    for name in _recipes(module):
      reference = module.get_config(name).reference
      found = {switch for switch in reference if reference[switch]}
      assert found == (of_selfgait if name == 'selfgait_release' else set())


@pytest.mark.parametrize(
  'settings, words',
  [
    ({'train.frames_sampling': 'some'}, 'train.frames_sampling'),
    ({'train.frames_min': 51}, 'frames_min not above frames_max'),
    ({'train.interval_min': 2}, 'interval_min not above interval_max'),
    ({'train.ordered': False, 'train.frames_skip': 1}, 'ordered=False'),
    ({'train.ordered': False, 'train.interval_max': 2}, 'ordered=False'),
    (
      {'train.frames_sampling': 'all', 'train.interval_max': 2},
      'frames_sampling=all',
    ),
    ({'pretrain.frames_sampling': 'unfixed'}, 'without labels, found unfixed'),
    ({'pretrain.freeze_batch_norm': True}, 'pretrain.freeze_batch_norm=False'),
    (
      {'reference.window': True, 'train.frames_sampling': 'unfixed'},
      'reference.window',
    ),
    ({'reference.window': True, 'train.frames_skip': 4}, 'reference.window'),
    ({'augment.rotate': 1.5}, 'augment.rotate'),
    ({'augment.perspective_shift': 32}, 'augment.perspective_shift'),
    ({'augment.blur_rows': ((9, 20), (19, 40))}, 'augment.blur_rows'),
    ({'augment.dilate_rows': ((9, 20), (39, 65))}, 'augment.dilate_rows'),
  ],
)
def test_impossible_sampling_or_augmentation_is_named(settings, words):
  config = default.get_config()
  config.stages = 'pretrain,train'
  config.update_from_flattened_dict(settings)
  with pytest.raises(errors.UserError, match=re.escape(words)):
    validate.check(config)


def test_every_setting_is_read():
  """By the name of its section, somewhere in the package but `validate.py`."""
  read = {tuple(chain[-2:]) for chain, _ in _chains()}
  for section, name in _leaves(default.get_config()):
    if section == 'model':
      continue  # by the networks: the test above
    owners = {section} | ALIASES.get(section, set())
    assert any((owner, name) in read for owner in owners), (section, name)


def test_no_unknown_setting_is_asked_for():
  """What the package reads of the config and of its sections is there."""
  config = default.get_config().to_dict()
  stage = config['pretrain'] | config['train']
  # Settings of any network; functions of `config.model` call it config too.
  for name in factory.MODELS:
    config['model'] |= getattr(networks, name)().to_dict()
  roots = {'config': config['model'] | config, 'stage': stage}
  roots['log'] = config['log']
  asked = 0
  for (root, *keys), place in _chains():
    found = roots.get(root)
    while keys and isinstance(found, dict) and keys[0] not in METHODS:
      assert keys[0] in found, f'{root}: {keys} in {place}'
      found = found[keys.pop(0)]
      asked += 1
  assert asked > 100


def _leaves(config):
  """(section or 'config', name) of every setting."""
  for name, value in config.items():
    if hasattr(value, 'items'):
      yield from ((name, leaf) for leaf in value)
    else:
      yield 'config', name


def _chains():
  """([name, ...], file) of each `a.b.c` in the package; self._log is log."""
  for path in sorted(PACKAGE.rglob('*.py')):
    if path.name == 'validate.py':
      continue
    for node in ast.walk(ast.parse(path.read_text())):
      chain, place = [], node
      while isinstance(place, ast.Attribute):
        chain, place = [place.attr, *chain], place.value
      if chain and isinstance(place, ast.Name):
        chain = [place.id, *chain]
        if place.id == 'self':
          chain = [chain[1].lstrip('_'), *chain[2:]]
        yield chain, path.name
