"""Imports TensorFlow, which then leaves the GPUs and their memory to JAX."""

from selfgait_jax import errors


def import_tensorflow(purpose: str, remedy: str):
  """The module `tensorflow`; UserError if there is none.

  Args:
    purpose: what needs it, for the error's sentence.
    remedy: what to do where it cannot be installed.
  """
  try:
    import tensorflow as tf
  except ImportError as error:
    raise errors.UserError(
      f'expected TensorFlow for {purpose}, found none ({error}); install it '
      f'or {remedy}'
    ) from error
  tf.config.set_visible_devices([], 'GPU')
  return tf
