"""One run at a time in a work folder, and a record of its configs."""

import errno
import json
import logging

import pytest

from selfgait_jax import errors
from selfgait_jax.configs import synthetic
from selfgait_jax.run import identity, workspace


@pytest.fixture
def config():
  return synthetic.get_config('smoke')


def test_a_second_run_is_kept_out(tmp_path):
  with workspace.claim(tmp_path / 'run'):  # noqa: SIM117
    with pytest.raises(errors.UserError, match='no other run'):
      workspace.claim(tmp_path / 'run').__enter__()
  with workspace.claim(tmp_path / 'run'):
    pass


@pytest.mark.parametrize('when', ['before', 'within'])
def test_full_disk_is_a_sentence(when, tmp_path, monkeypatch):
  def full(*_):
    raise OSError(errno.ENOSPC, 'No space left on device')

  if when == 'before':
    monkeypatch.setattr(workspace.os, 'fsync', full)
  with (
    pytest.raises(errors.UserError, match='expected room .* No space left'),
    workspace.claim(tmp_path),
  ):
    full()


def test_config_of_an_earlier_run_is_kept(config, tmp_path, caplog):
  workspace.record(config, tmp_path)
  before = identity.config_hash(config)
  first = (tmp_path / 'config.json').read_text()
  workspace.record(config, tmp_path)
  assert 'another config' not in caplog.text
  config.seed = 3
  with caplog.at_level(logging.WARNING):
    workspace.record(config, tmp_path)
  assert f'another config ({before}, now' in caplog.text
  assert (tmp_path / f'config-{before}.json').read_text() == first
  assert json.loads((tmp_path / 'config.json').read_text())['config_hash'] == (
    identity.config_hash(config)
  )


@pytest.mark.parametrize(
  'content',
  [
    b'',
    b'\xff\xfe',
    b'[]',
    b'{"config_hash": 3}',
    b'{"config_hash": "../../x"}',
    b'{"config_hash": ' + b'9' * 5000 + b'}',
    b'[' * 100_000,
  ],
)
def test_damaged_record_is_written_again(content, config, tmp_path):
  (tmp_path / 'config.json').write_bytes(content)
  workspace.record(config, tmp_path)
  found = json.loads((tmp_path / 'config.json').read_text())
  assert found['config_hash'] == identity.config_hash(config)
  assert len(list(tmp_path.iterdir())) == 1
