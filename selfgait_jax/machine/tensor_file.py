"""Safetensors files from anywhere, read without running code."""

import os

import ml_dtypes  # noqa: F401 - registers bfloat16 with NumPy
import numpy as np
import safetensors

from selfgait_jax import errors

# Other dtypes of safetensors, such as F8_E4M3, are none of NumPy's.
_DTYPES = ('F16', 'BF16', 'F32', 'F64', 'C64', 'BOOL')
_DTYPES += tuple(f'{kind}{bits}' for kind in 'IU' for bits in (8, 16, 32, 64))


def read(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict]:
  """(tensors, metadata) of a file, both by name.

  Tensors keep the type that they are stored in; see `in_float32`.

  Raises:
    OSError: the file cannot be opened.
    ValueError: it is damaged, or has a type that NumPy lacks. The message is
      what was found.
  """
  try:
    with safetensors.safe_open(path, framework='numpy') as file:
      keys = file.keys()
      dtypes = {key: file.get_slice(key).get_dtype() for key in keys}
      unknown = [key for key in keys if dtypes[key] not in _DTYPES]
      tensors = {} if unknown else {k: file.get_tensor(k) for k in keys}
      metadata = file.metadata() or {}
  except (safetensors.SafetensorError, TypeError, ValueError) as error:
    reason = f'one cut short or damaged ({errors.first_line(error)})'
    raise ValueError(reason) from error
  if unknown:
    name = errors.printable(unknown[0])
    raise ValueError(f'{name} of the unsupported dtype {dtypes[unknown[0]]}')
  return tensors, metadata


def in_float32(array: np.ndarray) -> np.ndarray:
  """Floats as float32, also bfloat16, whose kind is not NumPy's."""
  if array.dtype.kind not in 'fV':
    return array
  with np.errstate(over='ignore'):  # infinite weights are refused later
    return array.astype(np.float32, copy=False)
