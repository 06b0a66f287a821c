"""The exception that ends a command with a sentence, and words of others."""


class UserError(Exception):
  """Something the user can put right.

  The message says what was expected, what was found and what to change. The
  command lines print it alone and exit with status 1.
  """


def first_line(error: BaseException, most: int = 200) -> str:
  """The first line of what an error says, or the name of its type.

  A line of more than `most` characters loses its middle: libraries name the
  file at the start and the cause at the end.
  """
  line = (str(error).strip() or type(error).__name__).splitlines()[0]
  if len(line) <= most:
    return line
  start = most // 3
  return f'{line[:start]} ... {line[start + 5 - most :]}'
