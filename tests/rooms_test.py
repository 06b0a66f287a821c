"""The order of the folders: which part of the package may import which."""

import ast
import collections
import pathlib

import pytest

import selfgait_jax

ROOT = pathlib.Path(selfgait_jax.__file__).parent
# From the foundation up. A room may import the rooms of the floors below, and
# only those. CONTRIBUTING.md describes what each room is for.
FLOORS = (
  {'errors'},
  {'machine', 'models', 'retrieval', 'reciprocal'},
  {'run', 'protocols', 'losses', 'pieces'},
  {'data'},
  {'discover', 'embedder', 'clips'},
  {'train', 'gallery', 'video'},
  {'settings', 'evaluate'},
  {'report'},
  {'convert', 'study', 'export', 'serve'},
  {'main', 'configs', 'cli'},
)
FLOOR = {room: n for n, rooms in enumerate(FLOORS) for room in rooms}


def room_of(module):
  """'data' for 'selfgait_jax.data.prepare.trees'; '' for the package."""
  return (module.split('.') + [''])[1]


def imports():
  """{(room, imported room): files}, imports inside of functions included."""
  found = collections.defaultdict(set)
  for path in ROOT.rglob('*.py'):
    parts = path.relative_to(ROOT).with_suffix('').parts
    if parts == ('__init__',):
      continue  # it opens the public modules on first use
    for node in ast.walk(ast.parse(path.read_text())):
      if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
      elif isinstance(node, ast.ImportFrom):
        # `from selfgait_jax import errors` names a room, or `__version__`.
        names = [f'{node.module}.{alias.name}' for alias in node.names]
      else:
        continue
      for name in names:
        if name.split('.')[0] == 'selfgait_jax':
          found[parts[0], room_of(name)].add('/'.join(parts))
  return found


def test_every_room_has_its_floor():
  rooms = {path.stem for path in ROOT.iterdir() if path.name[0] not in '_.'}
  assert rooms - {'py', 'weights'} == set(FLOOR)


@pytest.mark.parametrize('room', sorted(FLOOR))
def test_imports_go_down(room):
  for (importer, imported), files in imports().items():
    if importer != room or imported in (room, '__version__'):
      continue
    assert imported in FLOOR, f'{files} import {imported!r}'
    assert FLOOR[imported] < FLOOR[room], f'{files} import {imported}'
