"""`selfgait report`: the page of a work folder, again."""

import subprocess
import sys

import finished_run
import pytest

from selfgait_jax.cli import command


@pytest.fixture(scope='module')
def workdir(tmp_path_factory):
  real = finished_run.pictures(real=1)
  return finished_run.write(tmp_path_factory.mktemp('run'), drawn=real)


def run(capsys, *arguments):
  """(status, lines of output, last line of errors)."""
  status = command.main(['report', *map(str, arguments)])
  said = capsys.readouterr()
  return status, said.out.splitlines(), said.err.strip().split('\n')[-1]


def test_it_writes_the_page_into_the_work_folder(capsys, workdir):
  (workdir / 'report.html').unlink(missing_ok=True)
  status, lines, _ = run(capsys, workdir)
  assert status == 0 and lines == [f'wrote {workdir / "report.html"}']
  assert '<section id="rows">' in (workdir / 'report.html').read_text()


def test_out_names_the_page_and_people_are_shown_if_asked(capsys, workdir):
  out = workdir / 'other.html'
  status, lines, _ = run(capsys, workdir, f'--out={out}', '--show-people')
  assert status == 0 and lines == [f'wrote {out}']
  assert '<img' in out.read_text()
  run(capsys, workdir, f'--out={out}')
  assert '<img' not in out.read_text()


def test_bad_input_is_one_sentence_and_nothing_is_written(
  capsys, workdir, tmp_path
):
  cases = (
    ((tmp_path / 'none',), 'found no folder'),
    ((tmp_path,), 'found neither'),
    ((workdir, f'--out={tmp_path}/no/such.html'), 'change --out'),
    ((workdir / 'results.json',), 'found no folder'),
  )
  for arguments, words in cases:
    status, lines, complaint = run(capsys, *arguments)
    assert status == 1 and not lines
    assert complaint.startswith('error: expected ') and words in complaint
  assert not list(tmp_path.iterdir())


def test_it_imports_neither_tensorflow_nor_torch_nor_scikit_learn(workdir):
  program = (
    'import sys; from selfgait_jax.cli import command\n'
    f'assert command.main(["report", {str(workdir)!r}]) == 0\n'
    'banned = {"tensorflow", "torch", "sklearn", "matplotlib", "orbax"}\n'
    'assert not banned & set(sys.modules), banned & set(sys.modules)'
  )
  subprocess.run([sys.executable, '-c', program], check=True)
