"""Gives JAX four CPU devices and no GPU; fixtures that many tests share."""

import os
import runpy
import shutil
import tempfile

# One cache of compiled programs for all workers of pytest and their children,
# which inherit the variable.
FOLDER = tempfile.mkdtemp(prefix='gait_tests_')
os.environ.setdefault('JAX_COMPILATION_CACHE_DIR', FOLDER)
os.environ['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'] = '0.3'
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
os.environ['JAX_PLATFORMS'] = 'cpu'

import jax
import pytest
import safetensors.numpy
import small_run
import state_dicts

jax.config.update('jax_num_cpu_devices', 4)


def pytest_unconfigure():
  shutil.rmtree(FOLDER, ignore_errors=True)


@pytest.fixture(scope='session')
def packed_file(tmp_path_factory):
  """Made-up people for the smoke recipe, read without TensorFlow."""
  return small_run.write_people(tmp_path_factory.mktemp('people') / 'all.npz')


@pytest.fixture
def convert(capsys):
  """Runs the conversion command here: (status, output, last complaint)."""
  script = small_run.ROOT / 'scripts/convert_checkpoint.py'
  main = runpy.run_path(str(script))['main']

  def run(*arguments):
    status = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return status, said.out, said.err.strip().split('\n')[-1]

  return run


@pytest.fixture
def make_file(tmp_path):
  """Writes a small state dict; returns (case's content, path, options)."""

  def make(case, name='model.safetensors', change=None):
    kind, section, rules, tensors = state_dicts.make(case)
    if change:
      change(tensors)
    path = tmp_path / name
    safetensors.numpy.save_file(state_dicts.original(kind, tensors), path)
    given = [f'--input={path}', f'--output={tmp_path / "out"}']
    return kind, section, rules, tensors, [*given, *state_dicts.options(case)]

  return make
