"""The notebooks of docs/notebooks run from their first cell to the last."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / 'docs/notebooks').glob('*.md'))


def run(cells, folder):
  """The ended process; it stops at the first cell that fails."""
  (folder / 'cells.py').write_text('\n'.join(cells))
  return subprocess.run(
    [sys.executable, 'cells.py'],
    cwd=folder,
    env=os.environ | {'PYTHONPATH': str(ROOT), 'MPLBACKEND': 'agg'},
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
  )


def cells_of(notebook):
  return re.findall(
    r'^```\{code-cell\} python\n(.*?)^```$', notebook.read_text(), re.S | re.M
  )


@pytest.mark.slow  # CI builds the site, which runs the first one
@pytest.mark.parametrize('notebook', NOTEBOOKS, ids=lambda path: path.stem)
def test_all_cells_run(notebook, tmp_path):
  done = run(cells_of(notebook), tmp_path)
  assert done.returncode == 0, done.stdout
  print(done.stdout)


def test_a_cell_that_fails_is_noticed(tmp_path):
  done = run(['a = 1', 'assert a == 2', 'print("not reached")'], tmp_path)
  assert done.returncode and 'not reached' not in done.stdout


def test_each_notebook_has_cells_and_a_sentence_before_each():
  assert len(NOTEBOOKS) == 3
  for path in NOTEBOOKS:
    text = path.read_text()
    assert len(cells_of(path)) == text.count('{code-cell}') > 4
    assert not re.search(r'^```\n\n```\{code-cell', text, re.M), path
