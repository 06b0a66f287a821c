"""A user error with its HTTP status."""

from selfgait_jax import errors


class Fault(errors.UserError):
  """A sentence, as every `UserError`, and its status, such as 404."""

  def __init__(self, status: int, message: str):
    super().__init__(message)
    self.status = status


def status_of(error: errors.UserError) -> int:
  """400 for what is no `Fault`."""
  return error.status if isinstance(error, Fault) else 400
