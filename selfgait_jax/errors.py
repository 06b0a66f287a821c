"""The one exception that ends a command with a sentence, not a traceback."""


class UserError(Exception):
  """Something the user can put right.

  The message says what was expected, what was found and what to change. The
  command lines print it alone and exit with status 1.
  """
