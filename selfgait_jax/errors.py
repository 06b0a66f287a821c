"""The exception that ends a command with one sentence and no traceback."""


class UserError(Exception):
  """A mistake that the user can correct.

  The message says what was expected, what was found and what to change. The
  commands print only the message and exit with status 1.
  """
