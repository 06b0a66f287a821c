"""The folder of an import: nothing lost and nothing left half-written."""

import os
import subprocess
import sys

import numpy as np
import pytest
import small_run

from selfgait_jax import errors
from selfgait_jax.convert import folder
from selfgait_jax.machine import files
from selfgait_jax.run import checkpointing, manifests

SCRIPT = small_run.ROOT / 'scripts' / 'convert_checkpoint.py'


def test_existing_files_are_kept(convert, make_file, tmp_path):
  *_, given = make_file('gaitset')
  out = tmp_path / 'out'
  out.mkdir()
  (out / 'notes.txt').write_text('mine')
  assert 'found notes.txt' in convert(*given)[2]
  (out / 'notes.txt').unlink()
  assert not list(out.iterdir())
  assert convert(*given)[0] == 0
  assert 'add --overwrite' in convert(*given)[2]
  assert convert(*given, '--overwrite')[0] == 0
  half = out / 'checkpoints/3'
  (half / 'variables').mkdir(parents=True)
  status, _, err = convert(*given, '--overwrite')
  assert status == 1 and f'{half}, found half of one' in err
  assert half.is_dir() and (out / 'checkpoints/0/manifest').is_dir()


def test_a_trained_checkpoint_is_never_replaced(convert, make_file, tmp_path):
  *_, given = make_file('gaitset')
  directory = tmp_path / 'out/checkpoints'
  directory.mkdir(parents=True)
  manifest = manifests.describe({}, {'stage': 'train'})
  folder.write(directory, 5, manifest, variables={'params': {'a': np.zeros(1)}})
  status, _, err = convert(*given, '--overwrite')
  assert status == 1 and 'no trained checkpoint in the way' in err
  assert [p.name for p in directory.iterdir()] == ['5']


def test_an_output_that_cannot_be_written(convert, make_file, tmp_path):
  (tmp_path / 'file').write_text('')
  *_, given = make_file('gaitset')
  given[1] = f'--output={tmp_path / "file" / "deeper"}'
  status, _, err = convert(*given)
  assert status == 1 and 'change --output' in err and 'Traceback' not in err


def test_a_full_disk_leaves_the_old_checkpoint(
  convert, make_file, tmp_path, monkeypatch
):
  *_, given = make_file('gaitset')
  assert convert(*given, '--iteration=1')[0] == 0

  def fail(*_):
    raise OSError(28, 'No space left on device')

  with monkeypatch.context() as patch:
    patch.setattr(folder.os, 'rename', fail)
    status, _, err = convert(*given, '--iteration=2', '--overwrite')
  assert status == 1 and 'No space left' in err
  assert [p.name for p in (tmp_path / 'out/checkpoints').iterdir()] == ['1']
  usage = files.shutil.disk_usage(tmp_path)._replace(free=10)
  monkeypatch.setattr(files.shutil, 'disk_usage', lambda _: usage)
  given[1] = f'--output={tmp_path / "new/out"}'
  status, _, err = convert(*given)
  assert status == 1 and 'MB free' in err and not (tmp_path / 'new').exists()


def test_a_kill_leaves_nothing_that_passes_for_a_checkpoint(
  convert, make_file, tmp_path
):
  *_, given = make_file('gaitset')
  # The process dies just before the finished folder gets its name.
  program = (
    'import os, runpy, sys; main = runpy.run_path(sys.argv[1])["main"];'
    'from selfgait_jax.convert import folder;'
    'folder.os = type("", (), {"rename": lambda *_: os._exit(9)});'
    'main(sys.argv[2:])'
  )
  arguments = [sys.executable, '-c', program, str(SCRIPT), *given]
  path = os.pathsep.join([str(small_run.NO_TENSORFLOW), str(small_run.ROOT)])
  ended = subprocess.run(
    arguments,
    env=os.environ | {'PYTHONPATH': path},
    capture_output=True,
    text=True,
  )
  assert ended.returncode == 9, ended.stderr
  assert [p.name for p in (tmp_path / 'out/checkpoints').iterdir()] == [
    '0.converting'
  ]
  with pytest.raises(errors.UserError, match='found none'):
    checkpointing.load_variables(str(tmp_path / 'out'))
  assert convert(*given)[0] == 0
  assert [p.name for p in (tmp_path / 'out/checkpoints').iterdir()] == ['0']
