"""Convolutions in their plain form, for programs that know no platforms.

Convolutions have a form that is fast on CPU and one for other platforms, and
`jax.lax.platform_dependent` chooses when a program is compiled. A converter to
another language, such as ONNX, knows no such choice.
"""

import contextlib
import contextvars
from collections.abc import Iterator

_wanted = contextvars.ContextVar('plain_form_wanted', default=False)

is_wanted = _wanted.get


@contextlib.contextmanager
def wanted() -> Iterator[None]:
  """What is traced within the block has no forms for single platforms.

  Leaves the values as they are, beyond float32 rounding. The plain form cannot
  be told from the other one by `jit`, which may return a program that it
  compiled before: trace a function that was never called.
  """
  token = _wanted.set(True)
  try:
    yield
  finally:
    _wanted.reset(token)
