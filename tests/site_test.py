"""The pages that the site makes have every setting and every command."""

import importlib.util
import pathlib
import re

import pytest

from selfgait_jax.cli import command
from selfgait_jax.configs import default
from selfgait_jax.settings import networks

ROOT = pathlib.Path(__file__).resolve().parents[1]


def page(name):
  """A module of docs/site/."""
  path = ROOT / f'docs/site/{name}.py'
  spec = importlib.util.spec_from_file_location(name, path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


@pytest.fixture(scope='module')
def rows():
  """{setting: [(default, meaning)]} of the page of settings."""
  found = {}
  for line in page('config_keys').text().splitlines():
    if match := re.fullmatch(r'\| `([\w.]+)` \| (.*) \| (.*) \|', line):
      found.setdefault(match[1], []).append((match[2], match[3]))
  return found


def test_every_setting_is_on_the_page_with_its_default(rows):
  for key, value in default.get_config().items():
    if not hasattr(value, 'items'):
      assert rows[key][0][0] == f'`{value!r}`'
      continue
    stage = 'objective' in value
    for name, inner in value.items():
      places = rows.get(f'{key}.{name}', [])
      places += rows.get(f'STAGE.{name}', []) if stage else []
      assert any(f'`{inner!r}`' in shown for shown, _ in places), (key, name)


def test_every_setting_of_every_network_is_on_the_page(rows):
  makers = [make for name, make in vars(networks).items() if name[0] != '_']
  for make in filter(callable, makers):
    assert {f'model.{name}' for name in make()} <= {*rows}


def test_comments_above_and_beside_a_line_are_its_meaning(rows):
  assert rows['data.workers'] == [('`2`', 'batches read in parallel')]
  assert rows['data.loader'][0][1].startswith('Who reads the batches')
  assert rows['augment.blur_rows'][0][1].endswith('first and last row')
  shown, meaning = rows['STAGE.learning_rate'][0]
  assert shown == '`0.03`, discover `0.001`' and meaning == ''


def test_help_of_every_subcommand():
  help_texts = page('help_texts')
  for name in command.SUBCOMMANDS:
    said = help_texts.of_subcommand(name)
    assert said.startswith(f'usage: selfgait {name}')
  for name in help_texts.SCRIPTS:
    assert (ROOT / 'scripts' / name).exists()


def test_every_page_is_in_a_list():
  listed = (ROOT / 'docs/index.md').read_text().split()
  folder = ROOT / 'docs'
  for path in [*folder.glob('*.md'), *folder.glob('notebooks/*.md')]:
    name = path.relative_to(folder).with_suffix('')
    assert str(name) in [*listed, 'index'], name
