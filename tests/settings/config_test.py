"""Every setting is read, and nothing reads a setting that does not exist."""

import ast
import dataclasses
import functools
import pathlib

import pytest

import selfgait_jax
from selfgait_jax.configs import default, study_labels
from selfgait_jax.models import factory
from selfgait_jax.run import identity
from selfgait_jax.settings import choices, networks

PACKAGE = pathlib.Path(selfgait_jax.__file__).parent
# What functions call a section, besides its own name.
ALIASES = {
  'augment': {'settings'},
  'eval': {'evaluation'},
  **dict.fromkeys(identity.STAGES, {'stage'}),
}
# Attributes of a ConfigDict or of a dictionary that are no keys.
METHODS = {
  'copy_and_resolve_references',
  'get',
  'pop',
  'to_dict',
  'to_json_best_effort',
  'unlocked',
}


@pytest.mark.parametrize('name', factory.MODELS)
def test_a_network_reads_each_of_its_settings(name):
  config = getattr(networks, name)()
  assert config.name == name
  network = factory.make_model(config)
  assert set(config) - {'name', 'crop_width'} == {
    field.name for field in dataclasses.fields(network)
  } - {'parent', 'name'}


def test_every_setting_is_read():
  """By the name of its section, outside of settings/, which checks it."""
  for key in _leaves(default.get_config()):
    section, _, name = f'config.{key}'.rpartition('.')
    section = section.rpartition('.')[2]
    # The networks read the settings of `model`: the test above.
    assert section == 'model' or _is_read(section, name), key
  assert not _is_read('augment', 'nonsense')


def test_every_setting_has_a_rule():
  config = default.get_config()
  sections = {'model', *identity.STAGES}
  keys = {k for k in _leaves(config) if k.partition('.')[0] not in sections}
  assert keys == set(choices.RUN)
  assert set(config.train) == set(choices.STAGE | choices.SUPERVISED)
  assert set(config.pretrain) == set(choices.STAGE | choices.LABEL_FREE)
  assert set(config.discover) == set(choices.STAGE | choices.DISCOVERY)
  settings = (set(getattr(networks, name)()) for name in factory.MODELS)
  assert set.union(*settings) == set(choices.MODEL)


def test_no_unknown_setting_is_read():
  config = default.get_config().to_dict()
  config['study'] = study_labels.get_config('smoke').study.to_dict()
  assert set(config['study']) == set(choices.STUDY)
  stage = config['pretrain'] | config['discover'] | config['train']
  # The settings of all networks; functions of `config.model` call it config.
  for name in factory.MODELS:
    config['model'] |= getattr(networks, name)().to_dict()
  roots = {'config': config['model'] | config, 'stage': stage}
  roots['log'] = config['log']
  read = 0
  for (root, *keys), place in _chains():
    found = roots.get(root)
    while keys and isinstance(found, dict) and keys[0] not in METHODS:
      assert keys[0] in found, f'{root}: {keys} in {place}'
      found = found[keys.pop(0)]
      read += 1
  assert read > 100


def _leaves(config, prefix=''):
  """Dotted keys of all settings."""
  for name, value in config.items():
    if hasattr(value, 'items'):
      yield from _leaves(value, f'{prefix}{name}.')
    else:
      yield prefix + name


def _is_read(section, name):
  owners = {section} | ALIASES.get(section, set())
  return any((owner, name) in _ends() for owner in owners)


@functools.cache
def _ends():
  """The last two names of every chain."""
  return {tuple(chain[-2:]) for chain, _ in _chains()}


@functools.cache
def _chains():
  """[([name, ...], file)] of each `a.b.c` in the package; self._log is log."""
  chains = []
  for path in sorted(PACKAGE.rglob('*.py')):
    if path.parent.name == 'settings':
      continue
    for node in ast.walk(ast.parse(path.read_text())):
      chain, place = [], node
      while isinstance(place, ast.Attribute):
        chain, place = [place.attr, *chain], place.value
      if chain and isinstance(place, ast.Name):
        chain = [place.id, *chain]
        if place.id == 'self':
          chain = [chain[1].lstrip('_'), *chain[2:]]
        chains.append((chain, path.name))
  return chains
