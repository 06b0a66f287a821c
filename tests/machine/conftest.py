"""The data of the tests that compare runs of several processes."""

import pytest
import small_run


@pytest.fixture(scope='module')
def people(tmp_path_factory):
  """Alike enough for a table without 100 %."""
  path = tmp_path_factory.mktemp('noisy') / 'all.npz'
  return small_run.write_people(path, noise=0.25)
