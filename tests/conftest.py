"""Four CPU devices and no GPU, before JAX starts; what many tests share."""

import os
import shutil
import tempfile

# Each program is compiled once, for all workers of pytest and what they start:
# they take over the folder of the process that started them.
FOLDER = tempfile.mkdtemp(prefix='gait_tests_')
os.environ.setdefault('JAX_COMPILATION_CACHE_DIR', FOLDER)
os.environ['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'] = '0.3'
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
os.environ['JAX_PLATFORMS'] = 'cpu'

import jax
import pytest
import small_run

jax.config.update('jax_num_cpu_devices', 4)


def pytest_unconfigure():
  shutil.rmtree(FOLDER, ignore_errors=True)


@pytest.fixture(scope='session')
def packed_file(tmp_path_factory):
  """Made-up people for the smoke recipe, read without TensorFlow."""
  return small_run.write_people(tmp_path_factory.mktemp('people') / 'all.npz')
