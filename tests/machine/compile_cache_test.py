"""Compiled programs are kept in a folder that belongs to the user alone."""

import jax
import jax.numpy as jnp
import pytest
from jax.experimental.compilation_cache import compilation_cache

from selfgait_jax.machine import compile_cache


@pytest.fixture
def home(tmp_path, monkeypatch):
  """An empty cache folder; JAX's settings are as before after the test."""
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  before = jax.config.jax_compilation_cache_dir
  seconds = jax.config.jax_persistent_cache_min_compile_time_secs
  jax.config.update('jax_compilation_cache_dir', None)
  compilation_cache.reset_cache()  # which knows of no folder
  yield tmp_path
  jax.config.update('jax_compilation_cache_dir', before)
  jax.config.update('jax_persistent_cache_min_compile_time_secs', seconds)
  compilation_cache.reset_cache()


def test_programs_are_kept(home, monkeypatch):
  monkeypatch.setattr(compile_cache, '_LEAST_SECONDS', 0.0)
  folder = compile_cache.use()
  assert folder.parent == home / 'selfgait_jax'
  assert folder.stat().st_mode & 0o777 == 0o700
  jax.jit(lambda x: jnp.sin(x) @ x.T)(jnp.ones((7, 11)))
  assert any(folder.iterdir())


@pytest.mark.parametrize('mode', [0o755, 0o770, 0o707])
def test_a_folder_that_others_can_enter_is_not_used(home, mode):
  folder = compile_cache.use()
  jax.config.update('jax_compilation_cache_dir', None)
  folder.chmod(mode)
  assert compile_cache.use() is None
  assert not jax.config.jax_compilation_cache_dir


def test_without_a_place_nothing_is_kept(home, monkeypatch):
  (home / 'file').write_text('')
  monkeypatch.setenv('XDG_CACHE_HOME', str(home / 'file'))
  assert compile_cache.use() is None


def test_the_users_own_setting_stays(home):
  jax.config.update('jax_compilation_cache_dir', str(home / 'mine'))
  assert compile_cache.use() is None
  assert jax.config.jax_compilation_cache_dir == str(home / 'mine')
