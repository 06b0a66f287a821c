"""The exception that ends a command with one sentence, and safe quoting."""

LONGEST_MESSAGE = 2000  # characters


class UserError(Exception):
  """A mistake that the user can correct.

  The message says what was expected, what was found and what to change. The
  commands print only the message and exit with status 1. It is always one
  printable line, even if it quotes a file that was written to deceive. Quote
  names and values with `printable`, so that none crowds out the rest.
  """

  def __init__(self, message: object = ''):
    super().__init__(printable(message, LONGEST_MESSAGE))


def printable(text: object, limit: int = 200) -> str:
  r"""Text of unknown origin (a name, a key, a library's words) for a message.

  Args:
    text: converted with `str`; pass no nested containers, which can be small
      in memory and endless in print.
    limit: number of characters to return at most; the middle is left out.

  Returns:
    One line. Control characters, line separators, direction marks and bytes
    that are not UTF-8 are escaped: '\n' becomes a backslash and an 'n'.
  """
  text = str(text)
  if len(text) > 2 * limit:
    text = text[:limit] + text[-limit:]  # only this much can be shown
  shown = ''.join(map(_escape, text))
  if len(shown) <= limit:
    return shown
  start = limit // 3
  return f'{shown[:start]} ... {shown[start + 5 - limit :]}'


def first_line(error: BaseException, limit: int = 200) -> str:
  """The first line of an error's message, printable; else its type's name.

  A long line loses its middle: libraries name the file at the start and the
  cause at the end.
  """
  lines = str(error).strip().splitlines() or [type(error).__name__]
  return printable(lines[0], limit)


def _escape(character):
  if character.isprintable():
    return character
  return character.encode('unicode_escape').decode()
