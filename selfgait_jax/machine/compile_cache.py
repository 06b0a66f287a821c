"""Keeps compiled programs in the user's own folder, for the next process.

A program that another user could write there would run as ours. So the folder
belongs to the user alone, and one that does not is not used.
"""

import hashlib
import os
import pathlib
import platform
import stat

import jax

_LEAST_SECONDS = 0.2  # of compilation, for a program that is kept


def use() -> pathlib.Path | None:
  """Turns the cache on; call it before anything is compiled.

  Returns:
    The folder; None if there is no safe place, or JAX_COMPILATION_CACHE_DIR
    says already where programs are kept.
  """
  if jax.config.jax_compilation_cache_dir:
    return None
  try:
    folder = _home() / 'selfgait_jax' / f'programs-{_processor()}'
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not _is_private(folder):
      return None
  # No home, or one that is read-only: compile each time.
  except (OSError, RuntimeError):
    return None
  jax.config.update('jax_compilation_cache_dir', str(folder))
  jax.config.update(
    'jax_persistent_cache_min_compile_time_secs', _LEAST_SECONDS
  )
  return folder


def _home():
  given = os.environ.get('XDG_CACHE_HOME', '')
  return pathlib.Path(given) if given else pathlib.Path.home() / '.cache'


def _processor():
  """Names the kind of processor: programs for one may fail on another."""
  try:
    lines = pathlib.Path('/proc/cpuinfo').read_text().splitlines()
    found = {x for x in lines if x.startswith(('model name', 'flags'))}
  except OSError:  # not Linux
    found = {platform.processor(), platform.machine()}
  text = '\n'.join(sorted(found)) + jax.__version__
  return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _is_private(folder):
  if not hasattr(os, 'getuid'):  # Windows keeps others out of a profile
    return True
  state = folder.lstat()
  return (
    stat.S_ISDIR(state.st_mode)
    and state.st_uid == os.getuid()
    and not state.st_mode & 0o077
  )
