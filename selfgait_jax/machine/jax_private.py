"""The private parts of JAX that the program uses, all in this file.

JAX has no public way to ask how many processes a cluster started, or to send
messages through its coordination service. A newer JAX may move these parts; the
error then says so.
"""

import functools
import importlib
from typing import Any

import jax

from selfgait_jax import errors


def process_id() -> int:
  """Number of this process; does not start JAX's devices."""
  return _find('distributed', 'global_state').process_id


def process_count() -> int:
  """Processes of the run; does not start JAX's devices."""
  return _find('distributed', 'global_state').num_processes


def coordination_client() -> Any:
  """The client of the coordination service; None in a single process."""
  return _find('distributed', 'global_state').client


def cluster_size() -> int:
  """Processes of the cluster that JAX detects; 1 outside of clusters.

  Raises whatever the cluster's own tools raise.
  """
  for cluster in _find('clusters', 'ClusterEnv._cluster_types'):
    if not cluster.opt_in_only_method and cluster.is_env_present():
      return cluster.get_process_count()
  return 1


def _find(module: str, path: str) -> Any:
  """An attribute of a module of `jax._src`; UserError if there is none."""
  try:
    found = importlib.import_module(f'jax._src.{module}')
    return functools.reduce(getattr, path.split('.'), found)
  except (ImportError, AttributeError) as error:
    raise errors.UserError(
      f'expected jax._src.{module}.{path}, found none in JAX '
      f'{jax.__version__} ({errors.first_line(error)}); install the version of '
      'JAX that requirements.txt names'
    ) from error
