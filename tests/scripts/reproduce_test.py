"""scripts/reproduce.py: rows run once, go on, and end in a table."""

import sys

import pytest
import reproduce
import small_run

ROWS = (
  ('GaitSet', 'synthetic:smoke', '--config.stages=pretrain,evaluate'),
)  # fmt: skip


def run(monkeypatch, *arguments):
  monkeypatch.setattr(sys, 'argv', ['reproduce.py', *map(str, arguments)])
  return reproduce.main()


@pytest.mark.parametrize(
  'arguments, words',
  [
    ([], 'found neither'),
    (['--data_dir=a', '--packed_file=b'], 'found both'),
    (['--data_dir=a', '--budget=ten'], 'expected --budget such as'),
    (['--data_dir=a', '--budget=0m'], 'expected --budget such as'),
    (['--data_dir=a', '--only=gaitbse'], 'found gaitbse'),
    (['--data_dir=a', '--seeds=0'], 'expected --seeds from 1'),
  ],
)
def test_bad_arguments_are_a_sentence(
  monkeypatch, capsys, tmp_path, arguments, words
):
  work = f'--workdir={tmp_path / "work"}'
  assert run(monkeypatch, 'casiab', *arguments, work) == 1
  assert words in capsys.readouterr().err
  assert not (tmp_path / 'work').exists()


def test_every_row_has_a_recipe_and_a_figure():
  for table, rows in reproduce.TABLES.items():
    for row in rows:
      name = reproduce.datasets.BY_OPTION[table].name
      assert reproduce.published.figure(name, row[0]).rank1
      module, recipe = row[1].split(':')
      module = reproduce.importlib.import_module(
        f'selfgait_jax.configs.{module}'
      )
      assert module.get_config(recipe).data.name == name


@pytest.mark.slow
def test_a_stopped_table_goes_on_and_is_not_repeated(
  monkeypatch, capfd, tmp_path
):
  people = small_run.write_people(tmp_path / 'people.npz')
  monkeypatch.setattr(reproduce, 'TABLES', {'casiab': ROWS})
  monkeypatch.setenv('JAX_PLATFORMS', 'cpu')
  arguments = [
    'casiab', f'--packed_file={people}', f'--workdir={tmp_path / "work"}'
  ]  # fmt: skip
  more = ['--', '--config.data.loader=array']
  assert run(monkeypatch, *arguments, '--budget=3s', *more) == 0
  assert 'the same command goes on' in capfd.readouterr().out
  assert run(monkeypatch, *arguments, *more) == 0
  found = capfd.readouterr().out
  assert 'other data' in found and 'GaitSet' in found
  assert (tmp_path / 'work/table.md').read_text() in found
  before = (tmp_path / 'work/smoke-0/results.json').stat().st_mtime_ns
  assert run(monkeypatch, *arguments, *more) == 0
  after = (tmp_path / 'work/smoke-0/results.json').stat().st_mtime_ns
  assert before == after
  assert run(monkeypatch, *arguments) == 1
  assert 'expected the arguments of the first call' in capfd.readouterr().err
