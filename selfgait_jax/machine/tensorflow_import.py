"""Imports TensorFlow, which leaves the GPUs and their memory to JAX."""

import os

from selfgait_jax import errors


def import_tensorflow(purpose: str, remedy: str):
  """The module `tensorflow`; UserError if there is none.

  Args:
    purpose: what needs it, for the error's sentence.
    remedy: what to do where it cannot be installed.
  """
  # TensorFlow only reads data and writes events; silence what it says of the
  # devices. Both variables must be set before it is imported.
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
  os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '0')
  try:
    import tensorflow as tf
  except ImportError as error:
    raise errors.UserError(
      f'expected TensorFlow for {purpose}, found none ({error}); install it '
      f'or {remedy}'
    ) from error
  tf.config.set_visible_devices([], 'GPU')
  return tf
