"""A lock on a file keeps others out, where the system has such locks."""

import pytest

from selfgait_jax import errors
from selfgait_jax.machine import locks


def test_a_lock_ends_with_its_file(tmp_path):
  with open(tmp_path / 'lock', 'a') as first:
    locks.take(first)
    with open(tmp_path / 'lock') as second, pytest.raises(BlockingIOError):
      locks.take(second)
  with open(tmp_path / 'lock') as second:
    locks.take(second)


def test_a_system_without_locks_is_a_sentence(tmp_path, monkeypatch):
  monkeypatch.setattr(locks, 'fcntl', None)
  with (
    open(tmp_path / 'lock', 'a') as file,
    pytest.raises(errors.UserError, match='Linux or macOS to train'),
  ):
    locks.take(file)
